/** The SHA-256 of an object, read outside the main thread and digested there too where it is large. */
import { systemErrorCode } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { createHash, webcrypto } from 'node:crypto';
import type { StoreSight } from './store-sight.js';

/** Below this the way to another thread takes longer than the digest. */
const LARGE_BYTES = 64 * 1024;

/** In hexadecimal; `absent` where it is gone, `unreadable` where its disk cannot read it. */
export async function digestOf(sight: StoreSight, key: ObjectKey, sizeBytes: number): Promise<string> {
  let bytes: Buffer | undefined;
  try {
    // Into memory of ours: without it a directory is read in the main thread.
    bytes = await sight.get(key, { into: Buffer.allocUnsafeSlow(sizeBytes) });
  } catch (error) {
    if (systemErrorCode(error) === 'EIO') return 'unreadable';
    throw error;
  }
  if (bytes === undefined) return 'absent';
  if (bytes.length < LARGE_BYTES) return createHash('sha256').update(bytes).digest('hex');
  return Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes as Uint8Array<ArrayBuffer>)).toString('hex');
}
