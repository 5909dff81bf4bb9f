/**
 * The one error type of the product and the one table of its codes. A code is part of the HTTP contract and of the
 * exit messages: it is never renamed. `ERRORS.md` documents each code, and a test holds the two lists equal.
 */

interface ErrorKind {
  /** What happened, as one short sentence; the problem+json `title`. */
  readonly title: string;
  /** Whether the same call can succeed later with nothing changed by the caller. */
  readonly retryable: boolean;
}

const kind = (title: string, retryable = false): ErrorKind => ({ title, retryable });

export const ERROR_CODES = {
  // The caller's input
  invalid_request: kind('The request is malformed.'),
  invalid_file_id: kind('The file id is malformed.'),
  invalid_file_name: kind('The file name is missing or not acceptable.'),
  file_missing: kind('The multipart body holds no file part.'),
  idempotency_conflict: kind('An upload with the same idempotency key is under way.', true),
  idempotency_mismatch: kind('The idempotency key belongs to another upload.'),
  upload_incomplete: kind('The body ended before it was complete.'),
  digest_mismatch: kind('The body does not have the digest that was declared.'),
  file_too_large: kind('The file is larger than this server accepts.'),
  expectation_failed: kind('The expectation of the request cannot be met.'),
  file_not_found: kind('There is no such file.'),
  file_not_deleted: kind('The file is there and has not been deleted.'),
  undelete_impossible: kind('What the deleted file was made of is gone.'),
  segment_not_found: kind('The log has no such segment.'),
  replica_not_found: kind('There is no such replica.'),
  operation_not_found: kind('There is no such operation.'),
  range_not_satisfiable: kind('The requested range lies outside the file.'),
  precondition_failed: kind('A condition of the request does not hold.'),
  route_not_found: kind('There is no such route.'),
  method_not_allowed: kind('The route does not know this method.'),
  headers_too_large: kind('The headers of the request are too many or too large.'),
  payload_too_large: kind('The request body is larger than this route accepts.'),
  content_coding_unsupported: kind('The content of the request is coded.'),
  transfer_coding_unsupported: kind('The request has a transfer coding that this server does not know.'),
  unauthorized: kind('A valid API key is required.'),
  too_many_guesses: kind('Too many wrong API keys came from this address.', true),
  forbidden_origin: kind('The Host or Origin of the request is not allowed.'),
  // The server's state
  recovering: kind('The server is recovering and does not serve yet.', true),
  shutting_down: kind('The server is shutting down.', true),
  overloaded: kind('The server has no room for this request now.', true),
  disk_reserve: kind('The disk has no room beyond its reserve.', true),
  log_full: kind('The log has reached its size limit and waits for a checkpoint.', true),
  log_write_failed: kind('The log could not be written; nothing was stored.', true),
  log_poisoned: kind('The log failed to reach the disk; only a restart clears it.', true),
  store_write_failed: kind('The store could not be written; nothing was stored.', true),
  apply_halted: kind('Committed records cannot be applied now; writes wait.', true),
  outcome_unknown: kind('The write may or may not have been stored.', true),
  queue_unavailable: kind('The job queue cannot be reached; what is owed stays owed.', true),
  internal: kind('The server made a mistake.'),
  // Stored bytes
  chunk_missing: kind('A chunk of the file is missing.'),
  chunk_corrupt: kind('A chunk of the file does not match its checksum.'),
  manifest_missing: kind('The manifest of the file is missing.'),
  manifest_corrupt: kind('A manifest or tombstone does not match its checksum.'),
  // Replicas
  store_unreachable: kind('The store cannot be reached.', true),
  store_foreign: kind('Another store stands in the place of this one.', true),
  store_refused: kind('The store refuses these credentials.', true),
  store_read_only: kind('The store cannot be written.', true),
  store_full: kind('The store has no room.', true),
  job_overdue: kind('The job was not done by its deadline and left the rest undone.', true),
  job_lost: kind('No worker answered the job in time.', true),
  job_interrupted: kind('The worker was told to stop before the job was done.', true),
  // Boot
  disk_full: kind('The disk is too full to start.'),
  setting_invalid: kind('A setting is not acceptable.'),
  directory_locked: kind('Another process holds the directory.'),
  address_in_use: kind('The address is already in use.'),
  store_unreadable: kind('The store does not say who it is, or what it holds.'),
  store_mismatch: kind('The store belongs to another installation, or to another place in this one.'),
  primary_empty: kind('The primary is empty although this installation has stored files.'),
  primary_taken: kind('The place of the primary is not empty.'),
  primary_partial: kind('The primary is half rebuilt.'),
  not_a_store: kind('There is no store at this place.'),
  log_corrupt: kind('The log is damaged below what it had promised to keep.'),
  log_behind: kind('The log ends before what has already been applied.'),
  log_mismatch: kind('The log belongs to another installation.'),
  future_format: kind('The data was written by a later version.'),
} as const satisfies Record<string, ErrorKind>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Facts about the failure: names are snake_case because they travel in problem+json and in logs. */
export type ErrorContext = Readonly<Record<string, string | number | boolean | null>>;

export class StoreError extends Error {
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly context: ErrorContext;

  /** `message` is one sentence for a person and says what to do next where something can be done. */
  constructor(code: ErrorCode, message: string, options: { context?: ErrorContext; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'StoreError';
    this.code = code;
    this.retryable = ERROR_CODES[code].retryable;
    this.context = options.context ?? {};
  }

  static is(error: unknown, code?: ErrorCode): error is StoreError {
    return error instanceof StoreError && (code === undefined || error.code === code);
  }
}

/** No room, or no more of the room that a quota allows: freeing space helps, and nothing is wrong with the disk. */
export function isDiskFull(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'SQLITE_FULL';
}

/** The `code` of a Node.js system error (`ENOENT`, `EIO` …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
