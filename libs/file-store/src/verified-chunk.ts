/** A chunk's bytes, proven to be the ones its manifest names. */
import { checksumText, chunkChecksum, StoreError } from '#libs/kernel';
import type { Store } from '#libs/stores';
import type { ChunkPart } from './read-plan.js';

/** Reads the whole chunk into `into` and verifies length and CRC-32C. Throws `chunk_missing` or `chunk_corrupt`. */
export async function readVerifiedChunk(store: Store, { index, entry }: ChunkPart, into: Buffer): Promise<Buffer> {
  const context = { chunk_id: entry.chunkId, chunk_index: index, store: store.identity.name };
  const bytes = await store.get({ kind: 'chunk', id: entry.chunkId }, { into });
  if (bytes === undefined) throw new StoreError('chunk_missing', 'A chunk of the file is missing.', { context });
  const expected = `${entry.storedBytes} bytes ${checksumText(entry.checksum)}`;
  const actual = `${bytes.length} bytes ${checksumText(chunkChecksum(bytes))}`;
  if (actual !== expected) {
    throw new StoreError('chunk_corrupt', 'A chunk of the file does not match its checksum.', {
      context: { ...context, expected, actual },
    });
  }
  return bytes;
}
