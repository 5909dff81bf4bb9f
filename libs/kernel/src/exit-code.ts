/** What the processes of the product end with. The code says what kind of help is needed; ERRORS.md shows it. */
import { StoreError } from './store-error.js';
import type { ErrorCode } from './store-error.js';

export const EXIT = {
  done: 0,
  failed: 1,
  /** A setting, or how a command was called. */
  usage: 2,
  /** Locked or unreachable: nothing is wrong with the data. */
  taken: 3,
  /** Stored data is damaged, or not what was expected. */
  damaged: 4,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

const EXIT_CODES: Partial<Record<ErrorCode, ExitCode>> = {
  setting_invalid: EXIT.usage,
  invalid_request: EXIT.usage,
  segment_not_found: EXIT.usage,
  directory_locked: EXIT.taken,
  address_in_use: EXIT.taken,
  store_unreachable: EXIT.taken,
  store_refused: EXIT.taken,
  primary_taken: EXIT.usage,
  not_a_store: EXIT.usage,
  replica_not_found: EXIT.usage,
  log_corrupt: EXIT.damaged,
  log_behind: EXIT.damaged,
  log_mismatch: EXIT.damaged,
  future_format: EXIT.damaged,
  manifest_corrupt: EXIT.damaged,
  manifest_missing: EXIT.damaged,
  chunk_corrupt: EXIT.damaged,
  chunk_missing: EXIT.damaged,
  primary_empty: EXIT.damaged,
  primary_partial: EXIT.damaged,
  store_mismatch: EXIT.damaged,
  store_unreadable: EXIT.damaged,
};

export function exitCodeOf(error: unknown): ExitCode {
  return (StoreError.is(error) ? EXIT_CODES[error.code] : undefined) ?? EXIT.failed;
}
