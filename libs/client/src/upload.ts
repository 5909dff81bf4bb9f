/**
 * One logical upload. Its Idempotency-Key is made once and goes with every attempt, so that a server which knows such keys
 * stores it once, whichever attempt was the one that got through. The answer is believed only when its SHA-256 is that of
 * the bytes that were read here.
 */
import { parseFileName, StoreError } from '#libs/kernel';
import { createHash, randomUUID } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { clientError } from './client-error.js';
import { answerJson } from './connection.js';
import type { Attempt, Connection } from './connection.js';
import { withRetries } from './retry.js';
import type { RetryBudget } from './retry.js';
import { storedFile } from './stored-file.js';
import type { StoredFile } from './stored-file.js';
import { bodyOf } from './upload-source.js';
import type { OpenedBody, UploadSource } from './upload-source.js';

export interface UploadOptions {
  readonly name: string;
  /** Without one the server takes `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** One key for one logical upload: give the same for an upload that an earlier process had begun. Made here otherwise. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of this file that have been handed to the network; goes back to 0 where it is sent again. */
  readonly onProgress?: ((sentBytes: number) => void) | undefined;
}

export interface UploadContext {
  readonly connection: Connection;
  readonly budget: RetryBudget;
}

/** Throws `ClientError`, `invalid_file_name`, `invalid_request`, what the source fails with, and what the signal is aborted with. */
export async function upload(
  { connection, budget }: UploadContext,
  source: UploadSource,
  options: UploadOptions,
): Promise<StoredFile> {
  const name = parseFileName(options.name);
  const body = bodyOf(source);
  const headers = {
    'content-type': parseContentType(options.contentType ?? 'application/octet-stream'),
    'idempotency-key': options.idempotencyKey ?? randomUUID(),
  };
  return withRetries(budget, options.signal, async () => {
    const opened = await body.open();
    const attempt = connection.begin(options.signal);
    const reading = new BodyReading(opened, attempt, options.onProgress);
    try {
      const response = await connection.send(attempt, {
        method: 'PUT',
        path: '/write',
        query: { name },
        headers: { ...headers, ...lengthHeader(opened) },
        body: opened.sizeBytes === 0 ? new Uint8Array(0) : reading.stream(),
      });
      const file = storedFile(await answerJson(response, attempt));
      assertStored(file, reading);
      return file;
    } catch (error) {
      if (reading.failure !== undefined) throw reading.failure.cause;
      // What has been pulled from a stream is gone, so it cannot be sent again.
      if (body.isReopenable || !reading.hasBegun) throw error;
      throw new SentOnce(error);
    } finally {
      attempt.end();
      await reading.close();
    }
  }).catch((error: unknown) => {
    throw error instanceof SentOnce ? error.cause : error;
  });
}

/** fetch fails on what a header cannot carry as it does on a lost connection. */
function parseContentType(text: string): string {
  if (/^[\u0020-\u007e]+$/.test(text)) return text;
  throw new StoreError('invalid_request', 'A content type is ASCII, such as text/plain.');
}

/** Keeps the retry loop from an error that it would try again. */
class SentOnce extends Error {
  constructor(cause: unknown) {
    super('sent once', { cause });
  }
}

function lengthHeader({ sizeBytes }: OpenedBody): Record<string, string> {
  return sizeBytes === undefined || sizeBytes === 0 ? {} : { 'content-length': String(sizeBytes) };
}

function assertStored(file: StoredFile, reading: BodyReading): void {
  const { sha256, sizeBytes } = reading.digest();
  if (file.sha256 === sha256 && file.file_size === sizeBytes) return;
  const detail = `The server stored other bytes than were sent: SHA-256 ${file.sha256} instead of ${sha256}.`;
  throw clientError('digest_mismatch', detail, { fileId: file.file_id });
}

/** One reading of a source: hashes what leaves, and keeps the source's own failure, which fetch would hide. */
class BodyReading {
  failure: { readonly cause: unknown } | undefined;
  readonly #opened: OpenedBody;
  readonly #iterator: AsyncIterator<Uint8Array>;
  readonly #attempt: Attempt;
  readonly #onProgress: UploadOptions['onProgress'];
  readonly #hash: Hash = createHash('sha256');
  #sentBytes = 0;
  #hasBegun = false;

  constructor(opened: OpenedBody, attempt: Attempt, onProgress: UploadOptions['onProgress']) {
    this.#opened = opened;
    this.#iterator = opened.pieces[Symbol.asyncIterator]();
    this.#attempt = attempt;
    this.#onProgress = onProgress;
  }

  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  digest(): { sha256: string; sizeBytes: number } {
    return { sha256: this.#hash.copy().digest('hex'), sizeBytes: this.#sentBytes };
  }

  /** Pulls nothing before it is asked: a refused connection leaves even a one-time stream whole. */
  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      { pull: (controller) => this.#pull(controller), cancel: () => this.close() },
      { highWaterMark: 0 },
    );
  }

  /**
   * A stream that was not begun stays as it is, for the next attempt. One that has been asked for its next piece may never
   * give it, such as a terminal where nobody types: its end is not waited for.
   */
  async close(): Promise<void> {
    if (this.#hasBegun) this.#iterator.return?.().catch(() => undefined);
    await this.#opened.close?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.#hasBegun = true;
    try {
      const { done, value } = await this.#iterator.next();
      this.#attempt.moved();
      if (done === true) {
        controller.close();
        return;
      }
      this.#hash.update(value);
      this.#sentBytes += value.length;
      this.#onProgress?.(this.#sentBytes);
      controller.enqueue(value);
    } catch (cause) {
      this.failure = { cause };
      controller.error(cause);
    }
  }
}
