/** What a client is told when the primary cannot be written. Nothing of the upload is stored then, nor will be. */
import { isDiskFull, StoreError, systemErrorCode } from '#libs/kernel';

/** Runs a step of an upload before its append. Throws `disk_reserve` or `store_write_failed` for an error of the disk. */
export async function writingStore<Result>(step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (cause) {
    if (StoreError.is(cause) || systemErrorCode(cause) === undefined) throw cause;
    throw isDiskFull(cause) ? diskFull(cause) : writeFailed(cause);
  }
}

function diskFull(cause: unknown): StoreError {
  return new StoreError('disk_reserve', 'The disk of the primary is full; free space or delete files.', { cause });
}

function writeFailed(cause: unknown): StoreError {
  return new StoreError('store_write_failed', 'The primary could not be written; nothing was stored.', { cause });
}
