/** Replication as the file store sees it: what waits for copies, what reads from them, and what finds that some are owed. */
import type { FileId, StoreId } from '#libs/kernel';
import type { Store } from '#libs/stores';

export interface CopyWait {
  readonly fileId: FileId;
  readonly count: number;
  readonly timeoutMs: number;
}

export interface Copies {
  /** Resolves with how many replicas hold the file durably: once these are `count`, or when the time is up. */
  waitForCopies(wait: CopyWait): Promise<number>;
  /** A worker has the order to copy the file there. */
  copying(fileId: FileId, storeId: StoreId): boolean;
  /** The replica to read from, once it has said who it is. Throws `store_unreachable`, `store_foreign` or `store_refused`. */
  open(storeId: StoreId): Promise<Store>;
  /** Something of the file is missing or bad on the primary. */
  oweRepair(fileId: FileId): void;
}

/** Of an installation without replicas. */
export const NO_COPIES: Copies = {
  waitForCopies: async () => 0,
  copying: () => false,
  open: async (storeId) => {
    throw new Error(`there is no replica ${storeId}`);
  },
  oweRepair: () => undefined,
};
