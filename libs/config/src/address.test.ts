import { describe, expect, it } from 'vitest';
import { hostAddress, isLoopbackHost } from './address.js';

describe('a host', () => {
  it.each(['127.0.0.1', '0.0.0.0', '::', '::1', 'fe80::1%eth0', 'localhost', 'files.example.org', 'node-1'])(
    'may be %s',
    (text) => {
      expect(hostAddress.parse(text, '/')).toEqual({ value: text });
    },
  );

  it.each(['', ' ', '[::1]', '127.0.0.1:8080', 'http://host', '256.0.0.1', '0', '0x7f.1', '-a', 'a_b', 'a..b', 'a.'])(
    'may not be %j',
    (text) => {
      expect(hostAddress.parse(text, '/')).toHaveProperty('problem');
    },
  );
});

it.each([
  ['127.0.0.1', true],
  ['127.255.255.254', true],
  ['::1', true],
  ['0:0:0:0:0:0:0:1', true],
  ['::ffff:127.0.0.1', true],
  ['localhost', true],
  ['LOCALHOST', true],
  ['0.0.0.0', false],
  ['::', false],
  ['128.0.0.1', false],
  ['10.0.0.1', false],
  ['::ffff:10.0.0.1', false],
  ['localhost.example.org', false],
  ['127.example.org', false],
])('%s is loopback: %s', (host, expected) => {
  expect(isLoopbackHost(host)).toBe(expected);
});
