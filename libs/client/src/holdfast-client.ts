/**
 * A client of one server. Every call takes an AbortSignal, and throws `ClientError` or what that was aborted with. A call
 * that fails in passing is made again where that is safe: reads, lists and deletes always, an upload when its source can
 * be opened again.
 */
import { parseFileId } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { ClientError } from './client-error.js';
import { Connection } from './connection.js';
import type { Call } from './connection.js';
import { download } from './download.js';
import type { Download, DownloadOptions } from './download.js';
import { DEFAULT_RETRY, realTiming, RetryBudget, withRetries } from './retry.js';
import type { RetryPolicy, Timing } from './retry.js';
import { ServerAddress } from './server-address.js';
import type { AddressOptions } from './server-address.js';
import { logStatus, readiness, replicasStatus } from './server-status.js';
import type { LogStatus, Readiness, ReplicasStatus } from './server-status.js';
import { filePage, storedFile } from './stored-file.js';
import type { StoredFile } from './stored-file.js';
import { upload } from './upload.js';
import type { UploadOptions } from './upload.js';
import type { UploadSource } from './upload-source.js';

export interface ClientOptions extends AddressOptions {
  readonly retry?: Partial<RetryPolicy>;
  /** How long a request may move no byte before it counts as lost. */
  readonly idleMs?: number;
  readonly timing?: Timing;
}

export interface Abortable {
  readonly signal?: AbortSignal | undefined;
}

export interface ListOptions extends Abortable {
  /** Only files whose names begin so. */
  readonly prefix?: string | undefined;
  /** Files asked for at a time, 1 to 1,000. */
  readonly pageSize?: number;
}

const DEFAULT_IDLE_MS = 60_000;
const MAX_PAGE_SIZE = 1000;

export class HoldfastClient {
  readonly #connection: Connection;
  readonly #retry: RetryPolicy;
  readonly #timing: Timing;

  /** Throws `setting_invalid`. */
  constructor({ url, apiKey, retry, idleMs = DEFAULT_IDLE_MS, timing = realTiming }: ClientOptions) {
    this.#connection = new Connection(new ServerAddress({ url, apiKey }), idleMs);
    this.#retry = { ...DEFAULT_RETRY, ...retry };
    this.#timing = timing;
  }

  get url(): string {
    return this.#connection.url;
  }

  /** Resolves when the file is stored, and its SHA-256 there is that of the bytes read here. */
  put(source: UploadSource, options: UploadOptions): Promise<StoredFile> {
    return upload({ connection: this.#connection, budget: this.#budget() }, source, options);
  }

  /** Resolves when the answer has begun; its bytes come by `bytes`, verified at their end. */
  get(fileId: FileId, options: DownloadOptions = {}): Promise<Download> {
    const context = { connection: this.#connection, budget: this.#budget(), fileId: parseFileId(fileId) };
    return download(context, options);
  }

  async stat(fileId: FileId, { signal }: Abortable = {}): Promise<StoredFile> {
    return storedFile(await this.#ask({ method: 'GET', path: `/files/${parseFileId(fileId)}`, signal }));
  }

  /** Page after page, by the bytes of the names, then by id. A file stored or deleted meanwhile may or may not be there. */
  async *list({ prefix, pageSize = MAX_PAGE_SIZE, signal }: ListOptions = {}): AsyncGenerator<StoredFile> {
    let cursor: string | undefined;
    do {
      const query = { prefix: prefix === '' ? undefined : prefix, limit: String(pageSize), cursor };
      const page = filePage(await this.#ask({ method: 'GET', path: '/files', query, signal }));
      yield* page.files;
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }

  /** Throws `file_not_found` where there was no such file to begin with. */
  async delete(fileId: FileId, { signal }: Abortable = {}): Promise<void> {
    const call: Call = { method: 'DELETE', path: `/files/${parseFileId(fileId)}`, signal };
    let mayBeDone = false;
    await withRetries(this.#budget(), signal, async () => {
      try {
        await this.#connection.ask(call);
      } catch (error) {
        // An attempt before, whose answer was lost, may have deleted it.
        if (mayBeDone && ClientError.is(error, 'file_not_found')) return;
        mayBeDone ||= !ClientError.is(error, 'unreachable');
        throw error;
      }
    });
  }

  /**
   * Brings a deleted file back under a new id. Asked once: where the answer is lost nobody knows whether it is back, and a
   * second one could say that it is impossible because the first has done it.
   */
  async undelete(fileId: FileId, { signal }: Abortable = {}): Promise<StoredFile> {
    const path = `/admin/files/${parseFileId(fileId)}/undelete`;
    return storedFile(await this.#connection.ask({ method: 'POST', path, signal }));
  }

  /** Whether the server serves, also where it says that it does not. Like the two below it is asked once: it is about now. */
  async ready({ signal }: Abortable = {}): Promise<Readiness> {
    return readiness(await this.#connection.ask({ method: 'GET', path: '/ready', signal, answeredBy: 503 }));
  }

  async replicasStatus({ signal }: Abortable = {}): Promise<ReplicasStatus> {
    return replicasStatus(await this.#connection.ask({ method: 'GET', path: '/admin/replicas/status', signal }));
  }

  async logStatus({ signal }: Abortable = {}): Promise<LogStatus> {
    return logStatus(await this.#connection.ask({ method: 'GET', path: '/admin/wal/segments', signal }));
  }

  #ask(call: Call): Promise<unknown> {
    return withRetries(this.#budget(), call.signal, () => this.#connection.ask(call));
  }

  #budget(): RetryBudget {
    return new RetryBudget(this.#retry, this.#timing, this.#connection);
  }
}
