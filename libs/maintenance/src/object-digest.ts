/** The SHA-256 of an object, read outside the main thread and digested there too where it is large. */
import { sha256Of, systemErrorCode } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import type { StoreSight } from './store-sight.js';

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
  return bytes === undefined ? 'absent' : sha256Of(bytes);
}
