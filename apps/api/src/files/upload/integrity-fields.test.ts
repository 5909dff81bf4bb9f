import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectedDigests } from './integrity-fields.js';

const digest = (name: string) => createHash(name).update('x').digest('base64');
const SHA256 = digest('sha256');
const SHA512 = digest('sha512');
const MD5 = digest('md5');

const found = (fields: Record<string, string | string[]>) =>
  expectedDigests(fields).map(({ field, algorithm, digest: bytes }) => [field, algorithm, bytes.toString('base64')]);

describe('expectedDigests', () => {
  it.each<[what: string, fields: Record<string, string | string[]>, expected: string[][]]>([
    ['nothing', {}, []],
    ['one', { 'content-digest': `sha-256=:${SHA256}:` }, [['Content-Digest', 'sha-256', SHA256]]],
    [
      'two in one field',
      { 'repr-digest': `sha-256=:${SHA256}:,\tsha-512=:${SHA512}: ` },
      [
        ['Repr-Digest', 'sha-256', SHA256],
        ['Repr-Digest', 'sha-512', SHA512],
      ],
    ],
    ['MD5', { 'content-md5': MD5 }, [['Content-MD5', 'md5', MD5]]],
    ['unknown algorithms', { 'content-digest': `md5=:${MD5}:, unixsum=:AAA=:, id-sha-256=::` }, []],
    [
      'parameters',
      { 'content-digest': `sha-256=:${SHA256}:; a=1;b="x\\"y";c=?0;d;e=:AA==:;f=tok/en;g=-1.5;h=@12` },
      [['Content-Digest', 'sha-256', SHA256]],
    ],
    [
      'the last of two',
      { 'content-digest': `sha-256=:AAAA:, sha-256=:${SHA256}:` },
      [['Content-Digest', 'sha-256', SHA256]],
    ],
    [
      'a field given in two lines',
      { 'content-digest': ['a=::', `sha-256=:${SHA256}:`] },
      [['Content-Digest', 'sha-256', SHA256]],
    ],
    [
      'base64 without its padding',
      { 'content-digest': `sha-256=:${SHA256.replace('=', '')}:` },
      [['Content-Digest', 'sha-256', SHA256]],
    ],
  ])('reads %s', (_what, fields, expected) => {
    expect(found(fields)).toEqual(expected);
  });

  it.each([
    '',
    ',',
    'sha-256',
    `sha-256=${SHA256}`,
    `sha-256=:${SHA256}`,
    `sha-256=:${SHA256}:,`,
    `sha-256=:${SHA256}: sha-512=:${SHA512}:`,
    `SHA-256=:${SHA256}:`,
    `sha-256=:${SHA512}:`,
    'sha-256=::',
    'sha-256=:!!!!:',
    'sha-256="text"',
    'sha-256=?1',
    'sha-256=1',
    'unknown=(:AA==:)',
    'unknown=:!:',
    `sha-256=:${'A='.repeat(22)}:`,
  ])('refuses %j', (value) => {
    const refusal = expect.objectContaining({ code: 'invalid_request', context: { field: 'Content-Digest' } });
    expect(() => expectedDigests({ 'content-digest': value })).toThrow(refusal);
  });

  it.each(['', 'x', SHA256, `${MD5}, ${MD5}`, `:${MD5}:`, Buffer.from(MD5).toString('hex')])(
    'refuses the MD5 %j',
    (value) => {
      expect(() => expectedDigests({ 'content-md5': value })).toThrow(
        expect.objectContaining({ code: 'invalid_request' }),
      );
    },
  );

  it('takes no longer for a field that is made to be slow', () => {
    for (const piece of ['a=::;', 'a=::; ', 'a=::;b="', 'a=::,', 'a=:A', 'sha-256=::;a=1;', '*']) {
      expect(() => expectedDigests({ 'content-digest': `${piece.repeat(5_000)}!` })).toThrow('malformed');
    }
  });
});
