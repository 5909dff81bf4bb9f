import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, durationBetween, formatDuration } from './duration.js';
import { formatSize, GIB, KIB, MIB, sizeBetween, sizeFrom } from './size.js';

const anySize = sizeFrom(0);
const anyDuration = durationBetween(0, 100_000_000 * DAY_MS);
const read = (kind: typeof anySize, text: string) => kind.parse(text, '/');

describe('a size', () => {
  it.each([
    ['0B', 0],
    ['1B', 1],
    ['1023B', 1023],
    ['4KiB', 4 * KIB],
    ['1MiB', MIB],
    ['10GiB', 10 * GIB],
    ['1048576B', MIB],
    ['9007199254740991B', Number.MAX_SAFE_INTEGER],
  ])('%s is %d bytes', (text, bytes) => {
    expect(read(anySize, text)).toEqual({ value: bytes });
  });

  it.each([
    ['no unit', '1048576'],
    ['a decimal unit', '1MB'],
    ['a unit in another case', '1mib'],
    ['an abbreviated unit', '1M'],
    ['a space inside', '1 MiB'],
    ['a space before', ' 1MiB'],
    ['a space behind', '1MiB '],
    ['a line break behind', '1MiB\n'],
    ['a fraction', '1.5MiB'],
    ['a sign', '+1MiB'],
    ['a negative number', '-1MiB'],
    ['an exponent', '1e3B'],
    ['a leading zero', '010KiB'],
    ['a separator', '1_000B'],
    ['digits of another script', '١MiB'],
    ['only a unit', 'MiB'],
    ['two quantities', '1GiB1MiB'],
    ['more than 2^53', '9007199254740992B'],
    ['more than 2^53 by its unit', '8388608GiB'],
    ['infinitely many digits', `${'9'.repeat(400)}B`],
    ['a unit of time', '1s'],
    ['the name of a property every object has', '1constructor'],
  ])('refuses %s', (_, text) => {
    expect(read(anySize, text)).toHaveProperty('problem');
  });

  it('accepts both bounds and nothing beyond them', () => {
    const kind = sizeBetween(4 * KIB, 8 * MIB);
    expect(kind.accepts).toBe('a size from 4KiB to 8MiB');
    expect(read(kind, '4KiB')).toEqual({ value: 4 * KIB });
    expect(read(kind, '8MiB')).toEqual({ value: 8 * MIB });
    expect(read(kind, '4095B')).toHaveProperty('problem');
    expect(read(kind, '8388609B')).toHaveProperty('problem');
  });

  it('is read back from its shortest spelling', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (bytes) => {
        expect(read(anySize, formatSize(bytes))).toEqual({ value: bytes });
      }),
    );
  });

  it('is spelled in the largest unit that is exact', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1023 }), fc.constantFrom('B', 'KiB', 'MiB', 'GiB'), (count, unit) => {
        const parsed = read(anySize, `${count}${unit}`);
        expect('value' in parsed && formatSize(parsed.value)).toBe(`${count}${unit}`);
      }),
    );
  });

  it('never comes out of a text that is not digits and a unit', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect('value' in read(anySize, text)).toBe(/^(0|[1-9][0-9]*)(B|KiB|MiB|GiB)$/.test(text));
      }),
    );
  });
});

describe('a duration', () => {
  it.each([
    ['0ms', 0],
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['7d', 7 * DAY_MS],
  ])('%s is %d ms', (text, milliseconds) => {
    expect(read(anyDuration, text)).toEqual({ value: milliseconds });
  });

  it.each([
    ['no unit', '30'],
    ['a long unit', '30sec'],
    ['a unit in another case', '30S'],
    ['a space inside', '30 s'],
    ['a fraction', '0.5s'],
    ['an ISO 8601 duration', 'PT30S'],
    ['a week', '1w'],
    ['a compound', '1m30s'],
  ])('refuses %s', (_, text) => {
    expect(read(anyDuration, text)).toHaveProperty('problem');
  });

  it('is read back from its shortest spelling', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100_000 * DAY_MS }), (milliseconds) => {
        expect(read(anyDuration, formatDuration(milliseconds))).toEqual({ value: milliseconds });
      }),
    );
  });
});
