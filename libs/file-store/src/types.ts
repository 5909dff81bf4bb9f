/** What callers hand in and get back; the front door turns these into HTTP. */
import type { FileEntry } from '#libs/catalog';
import type { ReplicationMode } from '#libs/kernel';
import type { ExpectedDigest } from './digest-check.js';

/** When an upload is answered: once it is durable, or once `wait` replicas hold it too. */
export interface ReplicationWish {
  readonly mode: ReplicationMode;
  /** Replicas; 0 where the mode is `async`. */
  readonly wait: number;
}

export interface UploadRequest {
  readonly fileName: string | undefined;
  readonly contentType: string;
  /** Length of `body` in bytes where the caller knows it; the upload fails if it turns out otherwise. */
  readonly declaredBytes: number | undefined;
  /** Digests that `body` must have; the upload fails with `digest_mismatch` where it has others. */
  readonly digests?: readonly ExpectedDigest[] | undefined;
  /** `async` where it is left out. */
  readonly replication?: ReplicationWish;
  /** Names this upload: a retry under the same key is answered with the file that the first one made. */
  readonly idempotencyKey?: string | undefined;
  /** Consumed once, with back-pressure; buffers are copied and never kept. An error it throws ends the upload. */
  readonly body: AsyncIterable<Buffer>;
}

export interface ReplicaState {
  readonly name: string;
  readonly state: 'stored' | 'pending' | 'copying' | 'failed' | 'absent';
}

/** What is known of a file now, its copies included. */
export interface FileReceipt extends FileEntry {
  readonly stores: readonly ReplicaState[];
}

/** Whether fewer replicas hold the file than its upload asked to wait for. */
export function lacksCopies({ mode, wait, stores }: FileReceipt): boolean {
  return mode === 'sync' && stores.filter(({ state }) => state === 'stored').length < wait;
}

export interface FileListQuery {
  readonly prefix: string;
  /** 1 to 1,000. */
  readonly limit: number;
  /** Opaque; from the page before. */
  readonly cursor: string | undefined;
}

export interface FilePage {
  readonly files: readonly FileReceipt[];
  readonly nextCursor: string | undefined;
}

/** Bytes `start` to `end` of a file, `end` not included. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/** Where a file's bytes go. */
export interface FileSink {
  /** Called once, before any byte: decides which parts are wanted, or none (a HEAD, a 304). What it throws ends the read. */
  select(entry: FileEntry): readonly ByteRange[];
  /**
   * Takes verified bytes, in the order of the ranges, never of two at once; resolves when there is room for more. The
   * memory is the file store's again after that. Not called for an empty range. The first call comes only when the first chunk has been verified, so a file that
   * cannot be read fails before an answer has begun.
   */
  write(bytes: Buffer): Promise<void>;
}
