/** What the steps of one job share. */
import { forEachConcurrently } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { Job } from '#libs/job-queue';
import type { JobStore } from './job-store.js';
import type { StopSign } from './stop-sign.js';
import type { Verdicts } from './verdicts.js';

/** Questions to a store that are under way at once; a bucket answers each in milliseconds, a directory in microseconds. */
const MAX_LOOKUPS = 8;

export interface JobContext {
  readonly job: Job;
  readonly source: JobStore;
  readonly target: JobStore;
  readonly verdicts: Verdicts;
  readonly stop: StopSign;
  /** Asks a store again who it is, where it was opened. Throws the fault of one that is not there any more. */
  confirmIdentity(which: 'source' | 'target'): Promise<void>;
}

/** Those of the files whose manifest, or tombstone, stands on this store, whole or not. */
export async function standingAs(
  kind: 'manifest' | 'tombstone',
  { fileIds, store }: { readonly fileIds: readonly FileId[]; readonly store: JobStore },
): Promise<FileId[]> {
  const sizes = await store.hasAll(fileIds.map((id) => ({ kind, id })));
  return fileIds.filter((_, index) => sizes[index] !== undefined);
}

/** Those of the files that have a tombstone on this store. One that is damaged is a tombstone all the same. */
export async function tombstonedOn(store: JobStore, fileIds: readonly FileId[]): Promise<FileId[]> {
  return standingAs('tombstone', { fileIds, store });
}

/**
 * To be called before a job confirms. Throws where a sync of the target has failed since this was made, in whatever job:
 * what this one had found there, and not put, may be on no disk. The next one puts all of it.
 */
export function syncCheck({ target }: Pick<JobContext, 'target'>): () => void {
  const wasInDoubt = target.isInDoubt;
  return () => {
    if (target.isInDoubt !== wasInDoubt) throw target.lostSync();
  };
}

export function eachLookup<Item>(items: Iterable<Item>, lookup: (item: Item) => Promise<void>): Promise<void> {
  return forEachConcurrently(items, MAX_LOOKUPS, lookup);
}
