/** The name of a chunk: the SHA-256 of its bytes. */
import { hash } from 'node:crypto';
import type { ChunkId } from './ids.js';

/** Below this a hash on the spot is cheaper than a trip to the thread pool. */
const HASH_OFF_THREAD_BYTES = 64 * 1024;

/** A large chunk is hashed in the thread pool; `bytes` must not change before this resolves. */
export async function chunkIdOf(bytes: Buffer): Promise<ChunkId> {
  if (bytes.length < HASH_OFF_THREAD_BYTES) return hash('sha256', bytes, 'hex') as ChunkId;
  const digest = await crypto.subtle.digest('SHA-256', bytes);
  return Buffer.from(digest).toString('hex') as ChunkId;
}
