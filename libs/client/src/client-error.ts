/**
 * The one error of the client. Where the server has answered, its `code` is the server's (ERRORS.md) and `status` is there;
 * else it is one of the client's own.
 */

/** What only the client can know. Like the server's codes these are never renamed. */
export type ClientCode =
  /** No connection was made. */
  | 'unreachable'
  /** A connection was made, and ended or fell silent before the answer was whole. */
  | 'connection_lost'
  /** The answer is not one of a Holdfast server. */
  | 'invalid_answer'
  /** The file has other bytes than those that were asked for, or begun with. */
  | 'content_changed'
  /** Bytes that arrived are not those that were sent. */
  | 'digest_mismatch'
  /** What was to be uploaded changed while it was read. */
  | 'source_changed';

export interface ClientErrorFacts {
  readonly code: string;
  /** One sentence for a person. */
  readonly detail: string;
  readonly status?: number;
  readonly fileId?: string;
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
}

const RETRYABLE_STATUSES = new Set([429, 502, 503, 504]);

export class ClientError extends Error {
  readonly code: string;
  readonly detail: string;
  /** Undefined where there was no answer. */
  readonly status: number | undefined;
  /** The file that the error is about, where it is known; with `outcome_unknown`, the one that may be stored. */
  readonly fileId: string | undefined;
  readonly retryAfterMs: number | undefined;

  constructor({ code, detail, status, fileId, retryAfterMs, cause }: ClientErrorFacts) {
    super(detail, cause === undefined ? undefined : { cause });
    this.name = 'ClientError';
    this.code = code;
    this.detail = detail;
    this.status = status;
    this.fileId = fileId;
    this.retryAfterMs = retryAfterMs;
  }

  static is(error: unknown, code?: string): error is ClientError {
    return error instanceof ClientError && (code === undefined || error.code === code);
  }

  /** Whether the same call may succeed later. 502 and 504 are what a proxy says for a connection that was lost behind it. */
  get isRetryable(): boolean {
    if (this.code === ('unreachable' satisfies ClientCode)) return true;
    if (this.code === ('connection_lost' satisfies ClientCode)) return true;
    // A conflict that says when to come back: the same upload, sent before, is still being stored.
    if (this.status === 409) return this.retryAfterMs !== undefined;
    return this.status !== undefined && RETRYABLE_STATUSES.has(this.status);
  }
}

export function clientError(code: ClientCode, detail: string, facts: Partial<ClientErrorFacts> = {}): ClientError {
  return new ClientError({ ...facts, code, detail });
}
