/**
 * One logical download, over as many connections as it takes. The entity tag is the SHA-256 of the whole file: what the
 * first answer said is asked for by If-Match and If-Range in every later one and compared with what comes, so that two
 * contents are never mixed; and where the file was read from its first byte, what came is hashed and held against it.
 * The last piece is handed on before the digest is known: only the end of the iteration says that all of it is right.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import type { FileId } from '#libs/kernel';
import { ClientError, clientError } from './client-error.js';
import { pieces } from './connection.js';
import type { Attempt, Connection } from './connection.js';
import { withRetries } from './retry.js';
import type { RetryBudget } from './retry.js';
import { isSha256 } from './stored-file.js';

/** Bytes from `start` up to but not including `end`; to the end of the file without one. */
export interface ByteRange {
  readonly start: number;
  readonly end?: number;
}

/** The first bytes of the file, which the caller has already: how many, fewer than all, and a SHA-256 fed with them. */
export interface Prefix {
  readonly sizeBytes: number;
  readonly hash: Hash;
}

export interface DownloadOptions {
  readonly range?: ByteRange;
  /** Go on behind these bytes, and verify the digest over both. Not together with `range`. */
  readonly prefix?: Prefix;
  /** Refuse any other content. */
  readonly sha256?: string;
  readonly signal?: AbortSignal | undefined;
}

export interface Download {
  /** Of the whole file. */
  readonly sizeBytes: number;
  /** Of the whole file. */
  readonly sha256: string;
  readonly contentType: string | undefined;
  readonly start: number;
  readonly end: number;
  /**
   * To be read once, and to its end. Throws `digest_mismatch` or `content_changed` where what came is not the file. A part
   * of a file cannot be held against the digest of the whole.
   */
  readonly bytes: AsyncGenerator<Uint8Array, void, undefined>;
}

export interface DownloadContext {
  readonly connection: Connection;
  readonly budget: RetryBudget;
  readonly fileId: FileId;
}

/** What one answer says of itself. */
interface Part {
  readonly response: Response;
  readonly attempt: Attempt;
  readonly start: number;
  readonly end: number;
  readonly sizeBytes: number;
  readonly sha256: string;
}

/** Resolves when the first answer has begun. */
export async function download(context: DownloadContext, options: DownloadOptions): Promise<Download> {
  const { range, prefix, sha256, signal } = options;
  if (range !== undefined && prefix !== undefined) throw new TypeError('a range has no prefix');
  const wanted: ByteRange = range ?? { start: prefix?.sizeBytes ?? 0 };
  const first = await withRetries(context.budget, signal, () => ask(context, { ...wanted, sha256, signal }));
  const end = Math.min(wanted.end ?? first.sizeBytes, first.sizeBytes);
  const isWhole = wanted.start === (prefix?.sizeBytes ?? 0) && end === first.sizeBytes;
  const hash = isWhole ? (prefix?.hash.copy() ?? createHash('sha256')) : undefined;
  return {
    sizeBytes: first.sizeBytes,
    sha256: first.sha256,
    contentType: first.response.headers.get('content-type') ?? undefined,
    start: wanted.start,
    end,
    bytes: bytesOf(context, first, { start: wanted.start, end, hash, signal }),
  };
}

interface Span {
  readonly start: number;
  readonly end: number;
  readonly hash: Hash | undefined;
  readonly signal: AbortSignal | undefined;
}

async function* bytesOf(
  context: DownloadContext,
  first: Part,
  { start, end, hash, signal }: Span,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { sha256, sizeBytes } = first;
  let part: Part | undefined = first;
  let position = start;
  try {
    while (position < end) {
      try {
        part ??= await ask(context, { start: position, end, sha256, signal });
        if (part.sizeBytes !== sizeBytes) throw changed(context, part.sha256);
        for await (const piece of piecesFrom(part, position)) {
          if (position + piece.length > end) throw invalid(context, 'it sends more than it said');
          hash?.update(piece);
          position += piece.length;
          context.budget.progressed();
          yield piece;
        }
        if (position < end) throw clientError('connection_lost', 'The answer ended early.');
      } catch (error) {
        part?.attempt.end();
        part = undefined;
        await context.budget.wait(error, signal);
      }
    }
  } finally {
    part?.attempt.end();
  }
  const received = hash?.digest('hex') ?? sha256;
  if (received === sha256) return;
  const detail = `The bytes that came are not the file: their SHA-256 is ${received} instead of ${sha256}.`;
  throw clientError('digest_mismatch', detail, { fileId: context.fileId });
}

/** A server that ignores ranges sends it all again: what is here already is passed over. */
async function* piecesFrom({ response, attempt, start }: Part, position: number): AsyncGenerator<Uint8Array> {
  let toSkip = position - start;
  for await (const piece of pieces(response, attempt)) {
    const skipped = Math.min(toSkip, piece.length);
    toSkip -= skipped;
    if (skipped < piece.length) yield piece.subarray(skipped);
  }
}

interface Wanted extends ByteRange {
  readonly sha256: string | undefined;
  readonly signal: AbortSignal | undefined;
}

async function ask(context: DownloadContext, { start, end, sha256, signal }: Wanted): Promise<Part> {
  const { connection, fileId } = context;
  const isPart = start > 0 || end !== undefined;
  const tag = sha256 === undefined ? undefined : `"${sha256}"`;
  const attempt = connection.begin(signal);
  try {
    const response = await connection.send(attempt, {
      method: 'GET',
      path: `/download/${fileId}`,
      headers: {
        ...(tag === undefined ? {} : { 'if-match': tag }),
        ...(isPart ? { range: `bytes=${start}-${end === undefined ? '' : end - 1}` } : {}),
        ...(isPart && tag !== undefined ? { 'if-range': tag } : {}),
      },
    });
    const part = { response, attempt, ...facts(context, response) };
    if (sha256 !== undefined && part.sha256 !== sha256) throw changed(context, part.sha256);
    if (part.start > start) throw invalid(context, 'it sends another part than was asked for');
    if (part.end < Math.min(end ?? part.sizeBytes, part.sizeBytes))
      throw invalid(context, 'it sends less than was asked');
    return part;
  } catch (error) {
    attempt.end();
    if (ClientError.is(error) && error.status === 412) throw changed(context, undefined);
    throw error;
  }
}

/** Throws `invalid_answer`. */
function facts(context: DownloadContext, { status, headers }: Response): Omit<Part, 'response' | 'attempt'> {
  const sha256 = /^"([0-9a-f]+)"$/.exec(headers.get('etag') ?? '')?.[1] ?? '';
  if (!isSha256(sha256)) throw invalid(context, 'its ETag is not the SHA-256 of a file');
  if (status === 206) {
    const [, first, last, size] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(headers.get('content-range') ?? '') ?? [];
    if (size === undefined) throw invalid(context, 'it does not say which part it sends');
    return { start: Number(first), end: Number(last) + 1, sizeBytes: Number(size), sha256 };
  }
  const length = headers.get('content-length') ?? '';
  if (status !== 200 || !/^\d+$/.test(length)) throw invalid(context, 'it does not say how long the file is');
  return { start: 0, end: Number(length), sizeBytes: Number(length), sha256 };
}

function changed({ fileId }: DownloadContext, sha256: string | undefined): ClientError {
  const now = sha256 === undefined ? '' : `: its SHA-256 is ${sha256} now`;
  return clientError('content_changed', `The file has other bytes than those that were begun with${now}.`, { fileId });
}

function invalid({ fileId }: DownloadContext, reason: string): ClientError {
  return clientError('invalid_answer', `The answer is not one of a Holdfast server: ${reason}.`, { fileId });
}
