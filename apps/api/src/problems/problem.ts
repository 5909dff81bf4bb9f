/**
 * How an error looks to a client: RFC 9457 problem details. Every code has one status, and the compiler holds the table
 * complete. Pure; problem.filter.ts sends what is made here.
 */
import { ERROR_CODES, StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

export const STATUS_BY_CODE: Readonly<Record<ErrorCode, number>> = {
  invalid_request: 400,
  invalid_file_id: 400,
  invalid_file_name: 400,
  file_missing: 400,
  upload_incomplete: 400,
  digest_mismatch: 400,
  unauthorized: 401,
  forbidden_origin: 403,
  file_not_found: 404,
  segment_not_found: 404,
  replica_not_found: 404,
  operation_not_found: 404,
  route_not_found: 404,
  method_not_allowed: 405,
  idempotency_conflict: 409,
  file_not_deleted: 409,
  undelete_impossible: 410,
  precondition_failed: 412,
  file_too_large: 413,
  payload_too_large: 413,
  content_coding_unsupported: 415,
  range_not_satisfiable: 416,
  expectation_failed: 417,
  idempotency_mismatch: 422,
  too_many_guesses: 429,
  headers_too_large: 431,
  internal: 500,
  chunk_missing: 500,
  chunk_corrupt: 500,
  manifest_missing: 500,
  manifest_corrupt: 500,
  setting_invalid: 500,
  address_in_use: 500,
  store_unreadable: 500,
  store_mismatch: 500,
  primary_empty: 500,
  primary_taken: 500,
  primary_partial: 500,
  not_a_store: 500,
  future_format: 500,
  transfer_coding_unsupported: 501,
  recovering: 503,
  shutting_down: 503,
  overloaded: 503,
  log_full: 503,
  log_write_failed: 503,
  log_poisoned: 503,
  log_corrupt: 503,
  log_behind: 503,
  log_mismatch: 503,
  apply_halted: 503,
  store_write_failed: 503,
  outcome_unknown: 503,
  queue_unavailable: 503,
  store_unreachable: 503,
  store_foreign: 503,
  store_refused: 503,
  store_read_only: 503,
  store_full: 503,
  job_overdue: 503,
  job_lost: 503,
  job_interrupted: 503,
  directory_locked: 503,
  disk_reserve: 507,
  disk_full: 507,
};

/** For a failure that may pass but does not say when. */
const DEFAULT_RETRY_AFTER_SECONDS = 5;

export interface Problem {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The error's context becomes further members; it can never replace the standard ones. */
export function problemOf(error: StoreError): Problem {
  const { code, message, context } = error;
  const status = STATUS_BY_CODE[code];
  const { title } = ERROR_CODES[code];
  const standard = { type: `urn:holdfast:error:${code}`, title, status, detail: message, code };
  const body = { ...standard, ...context, ...standard };
  return { status, headers: { 'content-type': PROBLEM_CONTENT_TYPE, ...headersOf(error, status) }, body };
}

function headersOf({ code, context, retryable }: StoreError, status: number): Record<string, string> {
  const headers: Record<string, string> = {};
  if (code === 'unauthorized') headers['www-authenticate'] = 'Bearer realm="holdfast"';
  if (code === 'range_not_satisfiable') headers['content-range'] = `bytes */${String(context['file_size'])}`;
  // Section 15.5.16 of RFC 9110: which codings would have been taken.
  if (code === 'content_coding_unsupported') headers['accept-encoding'] = 'identity';
  if (code === 'method_not_allowed') headers['allow'] = String(context['allow']);
  const seconds = context['retry_after_seconds'];
  if (typeof seconds === 'number') headers['retry-after'] = String(seconds);
  else if (status === 503 && retryable) headers['retry-after'] = String(DEFAULT_RETRY_AFTER_SECONDS);
  return headers;
}
