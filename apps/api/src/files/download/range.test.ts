import { describe, expect, it } from 'vitest';
import { MAX_GAP_BYTES, MAX_RANGES, parseRange } from './range.js';

const parts = (...ranges: Array<[start: number, end: number]>) => ({
  kind: 'parts',
  ranges: ranges.map(([start, end]) => ({ start, end })),
});
const part = (start: number, end: number) => parts([start, end]);
const whole = { kind: 'whole' };
const unsatisfiable = { kind: 'unsatisfiable' };

const CASES: Array<[header: string | undefined, sizeBytes: number, verdict: object]> = [
  [undefined, 10, whole],
  ['bytes=0-0', 10, part(0, 1)],
  ['bytes=0-9', 10, part(0, 10)],
  ['bytes=2-5', 10, part(2, 6)],
  ['bytes=9-9', 10, part(9, 10)],
  ['bytes=9-', 10, part(9, 10)],
  ['bytes=0-', 10, part(0, 10)],
  ['bytes=5-99', 10, part(5, 10)],
  ['bytes=5-99999999999999999999999999', 10, part(5, 10)],
  ['bytes=-1', 10, part(9, 10)],
  ['bytes=-10', 10, part(0, 10)],
  ['bytes=-11', 10, part(0, 10)],
  ['bytes= 1-2 ', 10, part(1, 3)],
  ['BYTES=1-2', 10, part(1, 3)],
  ['bytes=-9223372036854775808', 10, part(0, 10)],
  ['bytes=0-18446744073709551616', 10, part(0, 10)],
  // Several: overlapping and nearly touching ones become one, at the place of the first.
  ['bytes=0-1,', 10, part(0, 2)],
  ['bytes=,, 0-1 ,\t', 10, part(0, 2)],
  ['bytes=0-1,4-5', 10, part(0, 6)],
  ['bytes=0-1,500-501', 1000, parts([0, 2], [500, 502])],
  ['bytes= 0-1 ,\t500-501 ', 1000, parts([0, 2], [500, 502])],
  ['bytes=500-501,0-1', 1000, parts([500, 502], [0, 2])],
  ['bytes=900-,0-1,-200', 1000, parts([800, 1000], [0, 2])],
  ['bytes=0-99,50-149,100-199', 1000, part(0, 200)],
  ['bytes=0-9,0-9,0-9', 1000, part(0, 10)],
  ['bytes=0-99,10-20', 1000, part(0, 100)],
  ['bytes=0-,0-,0-', 1000, part(0, 1000)],
  [`bytes=0-0,${MAX_GAP_BYTES + 1}-${MAX_GAP_BYTES + 1}`, 1000, part(0, MAX_GAP_BYTES + 2)],
  [`bytes=0-0,${MAX_GAP_BYTES + 2}-${MAX_GAP_BYTES + 2}`, 1000, parts([0, 1], [MAX_GAP_BYTES + 2, MAX_GAP_BYTES + 3])],
  // Of several, those that are not there are left out.
  ['bytes=0-1,1000-', 1000, part(0, 2)],
  ['bytes=-0,1000-,5000-6000', 1000, unsatisfiable],
  // Nothing of the file is there.
  ['bytes=10-', 10, unsatisfiable],
  ['bytes=10-10', 10, unsatisfiable],
  ['bytes=99999999999999999999-', 10, unsatisfiable],
  ['bytes=-0', 10, unsatisfiable],
  // An empty file is always whole.
  ['bytes=0-', 0, whole],
  ['bytes=0-0', 0, whole],
  ['bytes=-5', 0, whole],
  // Ignored: malformed, another unit.
  ['bytes=5-2', 10, whole],
  ['bytes=-', 10, whole],
  ['bytes=', 10, whole],
  ['bytes', 10, whole],
  ['', 10, whole],
  ['bytes=a-b', 10, whole],
  ['bytes=1.5-2', 10, whole],
  ['bytes=+1-2', 10, whole],
  ['bytes=1-2x', 10, whole],
  ['lines=1-2', 10, whole],
  ['bytes=0-1,5-2', 1000, whole],
  ['bytes=0-1;500-501', 1000, whole],
  ['bytes=0 - 1', 10, whole],
  ['bytes =0-1', 10, whole],
  [' bytes=0-1', 10, whole],
  ['bytes=--5', 10, whole],
  ['bytes=,', 10, whole],
  ['bytes=0-1,bytes=5-6', 1000, whole],
];

describe('parseRange', () => {
  it.each(CASES)('%j of %i bytes', (header, sizeBytes, verdict) => {
    expect(parseRange(header, sizeBytes)).toEqual(verdict);
  });

  it('ignores a header with more ranges than anyone needs', () => {
    const ranges = (count: number) => Array.from({ length: count }, (_, index) => `${index * 1000}-${index * 1000}`);
    const kindOf = (count: number) => parseRange(`bytes=${ranges(count).join(',')}`, 10_000_000).kind;
    expect([kindOf(MAX_RANGES), kindOf(MAX_RANGES + 1), kindOf(1000)]).toEqual(['parts', 'whole', 'whole']);
    expect(parseRange(`bytes=${'0-,'.repeat(1000)}`, 10)).toEqual(whole);
  });
});
