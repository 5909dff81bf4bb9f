import type { ChunkEntry, ChunkId } from '#libs/kernel';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planRead } from './read-plan.js';

const chunksOf = (lengths: readonly number[]): ChunkEntry[] =>
  lengths.map((lengthBytes) => ({ chunkId: '' as ChunkId, lengthBytes, storedBytes: lengthBytes, checksum: 0 }));

/** Each part as `index:start-end`. */
function plan(lengths: readonly number[], start: number, end: number): string[] {
  return planRead(chunksOf(lengths), { start, end }).map((part) => `${part.index}:${part.start}-${part.end}`);
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
    expect(plan(lengths, start, end)).toEqual(expected);
  });

  it('the parts, put together, are the range, and no part is empty', () => {
    const anyFile = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 12 });
    fc.assert(
      fc.property(anyFile, fc.nat({ max: 260 }), fc.nat({ max: 260 }), (pieces, start, length) => {
        const parts = planRead(chunksOf(pieces.map((piece) => piece.length)), { start, end: start + length });
        const read = Buffer.concat(parts.map((part) => pieces[part.index]!.subarray(part.start, part.end)));
        expect(read.equals(Buffer.concat(pieces).subarray(start, start + length))).toBe(true);
        expect(parts.filter((part) => part.start >= part.end)).toEqual([]);
      }),
    );
  });
});
