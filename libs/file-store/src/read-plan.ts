/** Which chunks hold a byte range, and which part of each. Pure. Chunk lengths may differ within a file. */
import type { ChunkEntry } from '#libs/kernel';
import type { ByteRange } from './types.js';

export interface ChunkPart {
  /** Position of the chunk in the file's chunk list. */
  readonly index: number;
  readonly entry: ChunkEntry;
  /** The wanted bytes of the chunk. */
  readonly start: number;
  readonly end: number;
}

export function planRead(chunks: readonly ChunkEntry[], { start, end }: ByteRange): ChunkPart[] {
  const parts: ChunkPart[] = [];
  let chunkStart = 0;
  for (const [index, entry] of chunks.entries()) {
    if (chunkStart >= end) break;
    const from = Math.max(start - chunkStart, 0);
    const to = Math.min(end - chunkStart, entry.lengthBytes);
    if (from < to) parts.push({ index, entry, start: from, end: to });
    chunkStart += entry.lengthBytes;
  }
  return parts;
}
