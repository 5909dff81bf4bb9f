/** SHA-256 of bytes in memory: of a whole file, and as the name of a chunk. */
import { hash } from 'node:crypto';
import type { ChunkId } from './ids.js';

/** Below this a hash on the spot is cheaper than a trip to the thread pool. */
const HASH_OFF_THREAD_BYTES = 64 * 1024;

/** In hexadecimal. What is large is hashed in the thread pool; `bytes` must not change before this resolves. */
export async function sha256Of(bytes: Buffer): Promise<string> {
  if (bytes.length < HASH_OFF_THREAD_BYTES) return hash('sha256', bytes, 'hex');
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

/** The name of a chunk with these bytes; see `sha256Of`. */
export async function chunkIdOf(bytes: Buffer): Promise<ChunkId> {
  return (await sha256Of(bytes)) as ChunkId;
}
