/**
 * What travels between whoever owes copies and whoever makes them. A job names files and stores and carries no bytes; it
 * can be lost (the obligation behind it is durable), done twice (every step is idempotent) and answered late (its answer
 * closes only what has the same catalog, store and generation).
 */
import type { CatalogId, ClusterId, FileId, StoreId } from '#libs/kernel';

/** `verify`: prove what is there and copy what is not. `repair`: the same, with every chunk read again and bad ones replaced. */
export type JobOperation = 'copy' | 'delete' | 'verify' | 'repair';

export interface JobItem {
  readonly fileId: FileId;
  /** Of the obligation; handed back with the outcome. */
  readonly generation: number;
  readonly sizeBytes: number;
  /** Chunks are put again without asking whether they are there: some may be on their way out of the target. */
  readonly distrustChunks?: boolean;
}

export const JOB_VERSION = 1;
export const MAX_JOB_ITEMS = 256;
/** Of the files of a job together, unless it is one file. */
export const MAX_JOB_BYTES = 64 * 1024 * 1024;
export const MAX_JOB_JSON_BYTES = 64 * 1024;

export interface Job {
  /** Deterministic in what it asks for; letters, digits, `_` and `-` only. */
  readonly jobId: string;
  readonly clusterId: ClusterId;
  readonly catalogId: CatalogId;
  readonly operation: JobOperation;
  /** The store to read from; of a delete, the one that holds the tombstones. */
  readonly sourceId: StoreId;
  readonly targetId: StoreId;
  /** Epoch milliseconds. No manifest is published behind it: by then another worker may have the order. */
  readonly deadlineMs: number;
  /** W3C trace context of the upload that caused it, where there is one. */
  readonly traceparent?: string | undefined;
  readonly items: readonly JobItem[];
}

/**
 * `done`: the target durably holds (or, of a delete, durably does not hold) the file. `superseded`: a tombstone says that
 * there is nothing to copy. `failed`: see `error`.
 */
export type ItemOutcome = 'done' | 'superseded' | 'failed';

export interface JobError {
  /** An error code of the product, or the system's. */
  readonly code: string;
  readonly message: string;
}

export interface ItemResult {
  readonly fileId: FileId;
  readonly generation: number;
  readonly outcome: ItemOutcome;
  readonly error?: JobError | undefined;
}

export interface JobResult {
  readonly jobId: string;
  readonly catalogId: CatalogId;
  readonly operation: JobOperation;
  readonly sourceId: StoreId;
  readonly targetId: StoreId;
  readonly items: readonly ItemResult[];
  /** Set where a store, and not an item, was at fault: the items that are not `done` have not been judged. */
  readonly storeError?: (JobError & { readonly storeId: StoreId }) | undefined;
  /**
   * Set where a worker was told, while it did the job, that a file system lost a write, and the primary may be on that one
   * too: Linux tells it once, so the primary's owner would never hear of it.
   */
  readonly lostWrite?: JobError | undefined;
  readonly finishedAtMs: number;
  readonly durationMs: number;
}
