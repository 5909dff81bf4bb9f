/** Refuses a write before it costs anything, where it is known that it could not be acknowledged. */
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext } from './context.js';

const RETRY_AFTER_SECONDS = 5;

/** Throws `log_poisoned` or `apply_halted`. Called before a body is read, and again before anything is appended. */
export function assertWritable({ wal, applier }: FileStoreContext): void {
  if (wal.poisoned) throw logPoisoned();
  if (applier.halted) {
    throw new StoreError(
      'apply_halted',
      'Committed writes cannot be applied now (is the disk full?); try again soon.',
      {
        context: { retry_after_seconds: RETRY_AFTER_SECONDS },
      },
    );
  }
}

/** Nothing of this write was stored, nor will be of the next ones. */
export function logPoisoned(cause?: unknown): StoreError {
  return new StoreError(
    'log_poisoned',
    'The log failed to reach the disk; nothing was stored. Reads go on; a restart is needed for writes.',
    { cause },
  );
}

/** An unknown outcome is told with the id to ask for later. */
export function withFileId(error: unknown, fileId: FileId): unknown {
  if (!StoreError.is(error, 'outcome_unknown')) return error;
  return new StoreError('outcome_unknown', error.message, {
    context: { ...error.context, file_id: fileId },
    cause: error,
  });
}
