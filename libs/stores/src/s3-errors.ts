/**
 * What a failed request to an S3 server means: one pure function over one table. Servers agree on the codes of the
 * protocol and on little else, so what is not in the table is judged by the HTTP status, and what has none by the socket's
 * error. No message repeats what the server said: that can hold the key and the string it signed.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';

export interface S3Failure {
  readonly error: StoreError;
  /** Whether the same request may go better in a moment; else it is left to whoever owes the copy. */
  readonly isPassing: boolean;
  /** How long the server wants to be left alone, where it says so. */
  readonly retryAfterMs?: number;
}

interface Meaning {
  readonly code: ErrorCode;
  readonly isPassing: boolean;
  readonly says: string;
}

const refused = (says: string): Meaning => ({ code: 'store_refused', isPassing: false, says });
const full = (says: string): Meaning => ({ code: 'store_full', isPassing: false, says });
const gone = (says: string): Meaning => ({ code: 'store_unreachable', isPassing: false, says });
const passing = (says: string): Meaning => ({ code: 'store_unreachable', isPassing: true, says });

const WRONG_KEY = refused('does not take the credentials; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY');
const EXPIRED = refused('says that the credentials have expired or been withdrawn; give it new ones and start again');
const WRONG_REGION = gone('says that the bucket is in another region or at another address; set region= or endpoint=');
const BUSY = passing('is overloaded');
const BROKEN = passing('failed on its side');
const GARBLED = passing('did not get the request whole');
const NO_ROOM = full('has no room, or the quota of the bucket is used up');
const NOT_S3 = gone('does not answer as an S3 server does; check the endpoint');

/** By the code of the protocol, or of the server's own extensions to it. */
const BY_CODE: Readonly<Record<string, Meaning>> = {
  AccessDenied: refused('forbids this; the key needs to get, put, list and delete objects of the bucket'),
  AllAccessDisabled: refused('has disabled this account'),
  AccountProblem: refused('has disabled this account'),
  UserSuspended: refused('has disabled this account'),
  InvalidAccessKeyId: WRONG_KEY,
  SignatureDoesNotMatch: WRONG_KEY,
  ExpiredToken: EXPIRED,
  InvalidToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  RequestTimeTooSkewed: refused('says that the clock of this machine is wrong'),
  NoSuchBucket: gone('has no such bucket'),
  PermanentRedirect: WRONG_REGION,
  TemporaryRedirect: WRONG_REGION,
  AuthorizationHeaderMalformed: WRONG_REGION,
  IllegalLocationConstraintException: WRONG_REGION,
  InvalidLocationConstraint: WRONG_REGION,
  BucketAlreadyExists: refused('says that the bucket is somebody else’s; bucket names are shared by all'),
  QuotaExceeded: NO_ROOM,
  InsufficientStorage: NO_ROOM,
  XMinioStorageFull: NO_ROOM,
  XMinioAdminBucketQuotaExceeded: NO_ROOM,
  TooManyBuckets: full('lets this account have no more buckets'),
  SlowDown: BUSY,
  SlowDownRead: BUSY,
  SlowDownWrite: BUSY,
  Busy: BUSY,
  ServiceUnavailable: BUSY,
  TooManyRequests: BUSY,
  InternalError: BROKEN,
  OperationAborted: BROKEN,
  BadDigest: GARBLED,
  InvalidDigest: GARBLED,
  IncompleteBody: GARBLED,
  RequestTimeout: GARBLED,
  XAmzContentSHA256Mismatch: GARBLED,
};

/** For servers, and answers to HEAD, that give no code. */
function byStatus(status: number): Meaning {
  if (status === 401 || status === 403) return refused('forbids this; check the credentials and what the key may do');
  if (status === 301 || status === 307 || status === 308) return WRONG_REGION;
  if (status === 408) return GARBLED;
  if (status === 429) return BUSY;
  if (status === 507) return NO_ROOM;
  if (status === 503) return BUSY;
  return status >= 500 ? BROKEN : NOT_S3;
}

/** Names of what ended a connection without an answer; each is a bad moment, not a wrong setting. */
const PASSING_SYSTEM_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENETDOWN',
  'EADDRNOTAVAIL',
  'EMFILE',
  'ENFILE',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

function withoutStatus(error: Error): Meaning & { readonly name: string } {
  const code = systemErrorCode(error);
  if (error.name === 'TimeoutError' || error.name === 'AbortError' || code === 'ETIMEDOUT') {
    return { ...passing('does not answer in time'), name: 'timeout' };
  }
  const name = code ?? error.name;
  if (code !== undefined && PASSING_SYSTEM_CODES.has(code)) return { ...passing('cannot be reached'), name };
  if (code !== undefined && /CERT|TLS|SSL|SELF_SIGNED|EPROTO/.test(code)) {
    return { ...gone('cannot be trusted: its certificate does not verify, or it does not speak TLS'), name };
  }
  return { ...passing('gave an answer that cannot be read'), name };
}

/** What an error of the SDK has of the answer, where there was one. */
interface SdkError extends Error {
  readonly $metadata?: { readonly httpStatusCode?: number; readonly requestId?: string };
  readonly $response?: { readonly headers?: Readonly<Record<string, string | undefined>> };
}

/** The code of the protocol; a HEAD has none, and the SDK then makes up a name. */
export function s3Code(error: unknown): string | undefined {
  return error instanceof Error ? error.name : undefined;
}

/**
 * Throws where a good status came from something that is no S3 server, such as the page of a proxy: to take that for a put
 * that was done, or for an empty listing, would lose files. `mark` is what an S3 server never leaves out.
 */
export function assertFromS3(mark: unknown): void {
  if (mark === undefined) throw new Error('the answer is not that of an S3 server');
}

export function httpStatus(error: unknown): number | undefined {
  return (error as SdkError | undefined)?.$metadata?.httpStatusCode;
}

/** `location` is that of the place, which holds no secret. Our own errors come back as they are. */
export function s3Failure(error: unknown, location: string): S3Failure {
  if (StoreError.is(error)) return { error, isPassing: false };
  const cause = error as SdkError;
  const status = httpStatus(error);
  const known = Object.hasOwn(BY_CODE, cause.name) ? BY_CODE[cause.name] : undefined;
  // A body that cannot be parsed makes the SDK throw with the status of a good answer.
  const judged =
    status === undefined || status < 300 ? withoutStatus(cause) : { ...byStatus(status), name: cause.name };
  const { code, isPassing, says } = known ?? judged;
  const given = known === undefined ? judged.name : cause.name;
  // A server may call its errors whatever it likes, and the name goes into logs and answers.
  const name = /^[A-Za-z0-9_.-]{1,64}$/.test(given) ? given : 'unknown';
  const told = status === undefined ? name : `${status} ${name}`;
  const retryAfterMs = retryAfter(cause.$response?.headers?.['retry-after']);
  return {
    error: new StoreError(code, `${location} ${says} (${told}).`, {
      context: {
        location,
        status: status ?? null,
        s3_code: name,
        request_id: cause.$metadata?.requestId ?? null,
      },
    }),
    isPassing,
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
  };
}

/** Seconds only: a date would be held against a clock that need not agree with ours. */
function retryAfter(header: string | undefined): number | undefined {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : undefined;
}

/** A missing bucket is not taken for a missing object, as far as the answer tells the two apart. */
export async function absentIsUndefined<Result>(result: Promise<Result>): Promise<Result | undefined> {
  try {
    return await result;
  } catch (error) {
    if (httpStatus(error) === 404 && s3Code(error) !== 'NoSuchBucket') return undefined;
    throw error;
  }
}
