/** The SHA-256 of an object, read outside the main thread and digested there too where it is large. */
import { sha256Of, systemErrorCode } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { hash } from 'node:crypto';
import type { StoreSight } from './store-sight.js';

/** Of one that is read together with others. */
const SMALL_BYTES = 32 * 1024;

export interface SizedObject {
  readonly key: ObjectKey;
  readonly sizeBytes: number;
}

/** `digestOf` many, by the index of the object: small ones are read together. */
export async function digestsOf(sight: StoreSight, objects: readonly SizedObject[]): Promise<string[]> {
  const small = objects.filter(({ sizeBytes }) => sizeBytes <= SMALL_BYTES);
  const contents = await sight.getAll(
    small.map(({ key }) => key),
    { maxBytes: SMALL_BYTES },
  );
  const bytesOf = new Map(small.map(({ key }, index) => [key, contents[index]]));
  const digests: string[] = [];
  for (const { key, sizeBytes } of objects) {
    const bytes = bytesOf.get(key);
    if (Buffer.isBuffer(bytes)) digests.push(hash('sha256', bytes));
    else if (bytes === 'absent') digests.push('absent');
    // What is large, and what could not be read with the others, is asked for alone.
    else digests.push(await digestOf(sight, key, sizeBytes));
  }
  return digests;
}

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
