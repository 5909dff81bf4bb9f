/** Which chunks hold byte ranges, and which part of each. Pure. Chunk lengths may differ within a file. */
import type { ChunkEntry } from '#libs/kernel';
import type { ByteRange } from './types.js';

export interface ChunkPart {
  /** Position of the chunk in the file's chunk list. */
  readonly index: number;
  readonly entry: ChunkEntry;
  /** The wanted bytes of the chunk: at least one range, none empty. */
  readonly wanted: readonly ByteRange[];
}

/** In the order of the ranges; those that follow each other within one chunk share its part, and so its read. */
export function planRead(chunks: readonly ChunkEntry[], ranges: readonly ByteRange[]): ChunkPart[] {
  const parts: (ChunkPart & { readonly wanted: ByteRange[] })[] = [];
  for (const range of ranges) {
    for (const { index, entry, wanted } of partsOf(chunks, range)) {
      const last = parts.at(-1);
      if (last?.index === index) last.wanted.push(wanted);
      else parts.push({ index, entry, wanted: [wanted] });
    }
  }
  return parts;
}

interface RangePart {
  readonly index: number;
  readonly entry: ChunkEntry;
  readonly wanted: ByteRange;
}

function partsOf(chunks: readonly ChunkEntry[], { start, end }: ByteRange): RangePart[] {
  const parts: RangePart[] = [];
  let chunkStart = 0;
  for (const [index, entry] of chunks.entries()) {
    if (chunkStart >= end) break;
    const from = Math.max(start - chunkStart, 0);
    const to = Math.min(end - chunkStart, entry.lengthBytes);
    if (from < to) parts.push({ index, entry, wanted: { start: from, end: to } });
    chunkStart += entry.lengthBytes;
  }
  return parts;
}
