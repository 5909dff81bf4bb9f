import type { ChunkEntry, ChunkId } from '#libs/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRead } from './read-plan.js';

const chunksOf = (lengths: readonly number[]): ChunkEntry[] =>
  lengths.map((lengthBytes) => ({ chunkId: '' as ChunkId, lengthBytes, storedBytes: lengthBytes, checksum: 0 }));

/** Each part as `index:start-end`, with more of `start-end` where it has several ranges. */
function planOf(lengths: readonly number[], ranges: ReadonlyArray<readonly [start: number, end: number]>): string[] {
  const parts = planRead(
    chunksOf(lengths),
    ranges.map(([start, end]) => ({ start, end })),
  );
  return parts.map(({ index, wanted }) => `${index}:${wanted.map(({ start, end }) => `${start}-${end}`).join()}`);
}

describe('planRead', () => {
  it.each<[string, number[], number, number, string[]]>([
    ['the whole of three chunks', [4, 4, 2], 0, 10, ['0:0-4', '1:0-4', '2:0-2']],
    ['the first byte', [4, 4, 2], 0, 1, ['0:0-1']],
    ['the last byte', [4, 4, 2], 9, 10, ['2:1-2']],
    ['within one chunk', [4, 4, 2], 5, 7, ['1:1-3']],
    ['one chunk exactly', [4, 4, 2], 4, 8, ['1:0-4']],
    ['across one border', [4, 4, 2], 3, 5, ['0:3-4', '1:0-1']],
    ['across all borders', [4, 4, 2], 3, 9, ['0:3-4', '1:0-4', '2:0-1']],
    ['up to a border', [4, 4, 2], 2, 4, ['0:2-4']],
    ['from a border', [4, 4, 2], 8, 9, ['2:0-1']],
    ['nothing', [4, 4, 2], 4, 4, []],
    ['of an empty file', [], 0, 0, []],
    ['more than there is', [4, 4, 2], 7, 99, ['1:3-4', '2:0-2']],
    ['behind the end', [4, 4, 2], 10, 12, []],
    ['chunks of different lengths', [1, 7, 2], 0, 9, ['0:0-1', '1:0-7', '2:0-1']],
    ['an empty chunk is not fetched', [2, 0, 2], 1, 3, ['0:1-2', '2:0-1']],
  ])('%s', (_name, lengths, start, end, expected) => {
    expect(planOf(lengths, [[start, end]])).toEqual(expected);
  });

  it.each<[string, Array<[number, number]>, string[]]>([
    [
      'in one chunk',
      [
        [0, 1],
        [2, 3],
      ],
      ['0:0-1,2-3'],
    ],
    [
      'in one chunk, backwards',
      [
        [2, 3],
        [0, 1],
      ],
      ['0:2-3,0-1'],
    ],
    [
      'that meet in a chunk',
      [
        [2, 5],
        [6, 9],
      ],
      ['0:2-4', '1:0-1,2-4', '2:0-1'],
    ],
    [
      'that take turns',
      [
        [0, 1],
        [4, 5],
        [2, 3],
      ],
      ['0:0-1', '1:0-1', '0:2-3'],
    ],
    ['none', [], []],
  ])('several ranges: %s', (_name, ranges, expected) => {
    expect(planOf([4, 4, 2], ranges)).toEqual(expected);
  });

  it('the parts, put together, are the ranges in their order, and none is empty', () => {
    const anyFile = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 });
    const anyRanges = fc.array(fc.tuple(fc.nat({ max: 260 }), fc.nat({ max: 260 })), { maxLength: 5 });
    fc.assert(
      fc.property(anyFile, anyRanges, (pieces, given) => {
        const ranges = given.map(([start, length]) => ({ start, end: start + length }));
        const parts = planRead(chunksOf(pieces.map((piece) => piece.length)), ranges);
        const read = parts.flatMap(({ index, wanted }) => wanted.map((each) => ({ index, ...each })));
        const bytes = Buffer.concat(read.map(({ index, start, end }) => pieces[index]!.subarray(start, end)));
        const whole = Buffer.concat(pieces);
        expect(bytes.equals(Buffer.concat(ranges.map(({ start, end }) => whole.subarray(start, end))))).toBe(true);
        expect(read.filter(({ start, end }) => start >= end)).toEqual([]);
        expect(parts.filter(({ index }, at) => parts[at - 1]?.index === index)).toEqual([]);
      }),
    );
  });
});
