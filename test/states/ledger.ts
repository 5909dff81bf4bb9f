/**
 * What the store has promised so far, as its callers know it: an answered upload is kept, an answered delete is final, an
 * operation without an answer may have happened or not, and a refusal says that nothing did.
 */
import type { FileReceipt, FileStore } from '#libs/file-store';
import { StoreError } from '#libs/kernel';
import type { ErrorCode, FileId, LogId, Lsn } from '#libs/kernel';

/** The codes that say: nothing was stored, and nothing will be. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'apply_halted',
  'disk_reserve',
  'log_full',
  'log_poisoned',
  'log_write_failed',
  'undelete_impossible',
  'upload_incomplete',
]);

export interface KeptFile {
  readonly fileName: string;
  readonly bytes: Buffer;
}

export class Ledger {
  /** Counts the changes: equal numbers mean equal promises. */
  version = 0;
  /** Uploads that were answered, and not deleted since. */
  readonly kept = new Map<FileId, KeptFile>();
  /** Uploads that were begun and not answered, by name; whole or absent. */
  readonly unanswered = new Map<string, Buffer>();
  /** Deletes that were asked for and not answered. */
  readonly deleting = new Set<FileId>();
  readonly deleted = new Set<FileId>();
  /** Names of files that were brought back, or may have been: they come without the key of their upload. */
  readonly undeleted = new Set<string>();
  /** Highest LSN that a caller was told, by log. */
  readonly highestLsn = new Map<LogId, Lsn>();

  copy(): Ledger {
    const copy = new Ledger();
    copy.version = this.version;
    for (const [fileId, file] of this.kept) copy.kept.set(fileId, file);
    for (const [fileName, bytes] of this.unanswered) copy.unanswered.set(fileName, bytes);
    for (const fileId of this.deleting) copy.deleting.add(fileId);
    for (const fileId of this.deleted) copy.deleted.add(fileId);
    for (const fileName of this.undeleted) copy.undeleted.add(fileName);
    for (const [logId, highest] of this.highestLsn) copy.highestLsn.set(logId, highest);
    return copy;
  }

  /** Uploads and writes the outcome down; answers with the receipt, or with the error. */
  async upload(files: FileStore, fileName: string, bytes: Buffer): Promise<FileReceipt | Error> {
    const request = { fileName, contentType: 'application/octet-stream', declaredBytes: bytes.length };
    const body = inPieces(bytes);
    return this.#note(fileName, bytes, files.upload({ ...request, body, idempotencyKey: keyOf(fileName) }));
  }

  /** An upload whose body breaks off in the middle. */
  async breakOff(files: FileStore, fileName: string, bytes: Buffer): Promise<FileReceipt | Error> {
    async function* body(): AsyncGenerator<Buffer> {
      yield bytes.subarray(0, bytes.length / 2);
      throw new Error('socket hang up');
    }
    const request = { fileName, contentType: 'text/plain', declaredBytes: bytes.length, body: body() };
    return this.#note(fileName, bytes, files.upload(request));
  }

  async delete(files: FileStore, fileId: FileId): Promise<Error | undefined> {
    this.#change(() => this.deleting.add(fileId));
    try {
      await files.delete(fileId);
    } catch (error) {
      if (isRefusal(error)) this.#change(() => this.deleting.delete(fileId));
      return error as Error;
    }
    this.#change(() => {
      this.deleting.delete(fileId);
      this.kept.delete(fileId);
      this.deleted.add(fileId);
    });
    return undefined;
  }

  /** Brings a deleted file back and writes the outcome down. */
  async undelete(files: FileStore, fileId: FileId, { fileName, bytes }: KeptFile): Promise<FileReceipt | Error> {
    this.#change(() => this.undeleted.add(fileName));
    return this.#note(fileName, bytes, files.undelete(fileId));
  }

  /** What a recovered store shows is settled: from now on it is promised as if it had been answered. */
  settle(shown: ReadonlyMap<FileId, KeptFile>): void {
    this.#change(() => {
      for (const fileId of this.deleting) {
        if (shown.has(fileId)) continue;
        this.kept.delete(fileId);
        this.deleted.add(fileId);
      }
      this.deleting.clear();
      this.unanswered.clear();
      for (const [fileId, file] of shown) this.kept.set(fileId, file);
    });
  }

  async #note(fileName: string, bytes: Buffer, answer: Promise<FileReceipt>): Promise<FileReceipt | Error> {
    this.#change(() => this.unanswered.set(fileName, bytes));
    let receipt: FileReceipt;
    try {
      receipt = await answer;
    } catch (error) {
      if (isRefusal(error)) this.#change(() => this.unanswered.delete(fileName));
      return error as Error;
    }
    this.#change(() => {
      this.unanswered.delete(fileName);
      this.kept.set(receipt.fileId, { fileName, bytes });
      const highest = Math.max(this.highestLsn.get(receipt.logId) ?? 0, receipt.lsn);
      this.highestLsn.set(receipt.logId, highest as Lsn);
    });
    return receipt;
  }

  #change(change: () => void): void {
    change();
    this.version += 1;
  }
}

/** Pieces match neither chunks nor sockets. */
async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

/** The idempotency key under which the file of that name is uploaded. */
export function keyOf(fileName: string): string {
  return `key of ${fileName}`;
}

function isRefusal(error: unknown): boolean {
  return StoreError.is(error) && REFUSALS.has(error.code);
}
