import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { reprDigest } from './repr-digest.js';

// The example of RFC 9530, appendix B.1.
const SHA256 = createHash('sha256').update('{"hello": "world"}\n').digest('hex');
const HEADER = { 'repr-digest': 'sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:' };

describe('reprDigest', () => {
  it.each([
    undefined,
    '',
    'sha-256=1',
    'sha-256=10, sha-512=3',
    'sha-512=10',
    'sha-512=0',
    'sha-256=0, sha-256=5',
    'xsha-256=0',
    'sha-256=00x',
    'nonsense;;;=',
  ])('%j gets it', (wanted) => {
    expect(reprDigest(SHA256, wanted)).toEqual(HEADER);
  });

  it.each([
    'sha-256=0',
    'sha-512=3, sha-256=0',
    'sha-256=0, sha-512=3',
    ' sha-256=0 ',
    'sha-256=5,sha-256=0',
    'sha-256=0;q=1',
  ])('%j does without', (wanted) => {
    expect(reprDigest(SHA256, wanted)).toEqual({});
  });
});
