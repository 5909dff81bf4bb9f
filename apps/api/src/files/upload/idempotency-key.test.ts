import { describe, expect, it } from 'vitest';
import { MAX_KEY_LENGTH, parseIdempotencyKey } from './idempotency-key.js';

describe('parseIdempotencyKey', () => {
  it.each([
    [undefined, undefined],
    ['8e03978e-40d5-43dd-bc93-6894a57f9324', '8e03978e-40d5-43dd-bc93-6894a57f9324'],
    ['"8e03978e"', '8e03978e'],
    [' "a b, c" ', 'a b, c'],
    ['"a\\"b\\\\c"', 'a"b\\c'],
    ['__proto__', '__proto__'],
    ['~!#', '~!#'],
    ['k'.repeat(MAX_KEY_LENGTH), 'k'.repeat(MAX_KEY_LENGTH)],
  ])('%j is %j', (header, key) => {
    expect(parseIdempotencyKey(header)).toBe(key);
  });

  it.each([
    '',
    '""',
    '"',
    'a"b',
    '"a"b"',
    '"a\\b"',
    '"a" ; b=1',
    'a b',
    'a, b',
    'a,b',
    'k\u00e9y',
    '"k\u0000y"',
    'k\ty',
    'k'.repeat(MAX_KEY_LENGTH + 1),
    `"${'k'.repeat(MAX_KEY_LENGTH + 1)}"`,
  ])('refuses %j', (header) => {
    expect(() => parseIdempotencyKey(header)).toThrow(
      expect.objectContaining({ code: 'invalid_request', context: { field: 'Idempotency-Key' } }),
    );
  });

  it('refuses two of them', () => {
    expect(() => parseIdempotencyKey(['a', 'b'])).toThrow('malformed');
  });
});
