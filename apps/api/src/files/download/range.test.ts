import { describe, expect, it } from 'vitest';
import { parseRange } from './range.js';

const part = (start: number, end: number) => ({ kind: 'part', range: { start, end } });
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
  // Nothing of the file is there.
  ['bytes=10-', 10, unsatisfiable],
  ['bytes=10-10', 10, unsatisfiable],
  ['bytes=99999999999999999999-', 10, unsatisfiable],
  ['bytes=-0', 10, unsatisfiable],
  // An empty file is always whole.
  ['bytes=0-', 0, whole],
  ['bytes=0-0', 0, whole],
  ['bytes=-5', 0, whole],
  // Ignored: malformed, another unit, several ranges.
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
  ['bytes=0-1,4-5', 10, whole],
  ['bytes=0-1,', 10, whole],
];

describe('parseRange', () => {
  it.each(CASES)('%j of %i bytes', (header, sizeBytes, verdict) => {
    expect(parseRange(header, sizeBytes)).toEqual(verdict);
  });
});
