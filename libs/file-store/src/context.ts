/** What the operations of the file store share. Each takes this interface, none takes the whole store. */
import type { Catalog } from '#libs/catalog';
import type { Clock, FileId, Frame, Lsn, RecordDraft, StoreId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';
import type { Copies } from './copies.js';
import type { DiskReserve } from './disk-reserve.js';
import type { FileCache } from './file-cache.js';
import type { SharedContents } from './shared-contents.js';
import type { TransferBuffers } from './transfer-buffers.js';
import type { FileReceipt } from './types.js';
import type { UploadKeys } from './upload-keys.js';

/** The log as writers see it. */
export interface CommitLog {
  readonly poisoned: boolean;
  append(draft: RecordDraft): Promise<Frame>;
}

/** Apply as writers see it. */
export interface AppliedState {
  readonly halted: boolean;
  applied(until: Lsn): Promise<void>;
}

export interface FileStoreLimits {
  readonly chunkSizeBytes: number;
  readonly inlineMaxBytes: number;
  readonly maxFileSizeBytes: number;
  readonly readParallelism: number;
  /** How long a `sync` upload waits for its copies before it is answered with what is owed. */
  readonly replicationTimeoutMs: number;
}

/** The recovered installation, as far as the file store needs it. */
export interface FileStoreParts {
  readonly wal: CommitLog;
  readonly applier: AppliedState;
  readonly catalog: Catalog;
  readonly primary: PrimaryStore;
  readonly replicas: readonly { readonly storeId: StoreId; readonly name: string }[];
  /** Left out where there are no replicas. */
  readonly copies?: Copies;
  /** Whoever applies drops changed files from it. */
  readonly cache: FileCache;
  readonly clock: Clock;
}

export interface FileStoreContext extends FileStoreParts {
  readonly copies: Copies;
  readonly buffers: TransferBuffers;
  readonly contents: SharedContents;
  readonly reserve: DiskReserve;
  readonly limits: FileStoreLimits;
  readonly uploadKeys: UploadKeys;
  /** Ids of files that are being deleted now. */
  readonly deleting: Set<FileId>;
  /** Deleted files that are being brought back now. */
  readonly undeleting: Map<FileId, Promise<FileReceipt>>;
}
