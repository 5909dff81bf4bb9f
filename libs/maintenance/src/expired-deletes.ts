/** Manifests of deleted files whose grace is over: from then on nobody can bring the files back. */
import { forEachConcurrently } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';

/** Half of libuv's default pool, so that the log's fdatasync never waits behind these. */
const MAX_UNLINKS = 2;
/** A listing reads a whole shard however little of it is wanted. */
const FILES_PER_PAGE = 512;

export interface ExpiryQuery {
  /** The end of the page before; absent for the first page. */
  readonly after?: string | undefined;
  readonly nowMs: number;
  readonly graceMs: number;
}

export interface ExpiryPage {
  /** To be passed as `after`; undefined where this was the last page. */
  readonly next: string | undefined;
  readonly removed: number;
  /** Their manifests stay until the next pass. */
  readonly failures: readonly unknown[];
}

/** One page, in the order of the names. Unlinks are not synced: one that a power cut takes back is met again. */
export async function removeExpiredDeletes(
  { deleted }: PrimaryStore,
  { after, nowMs, graceMs }: ExpiryQuery,
): Promise<ExpiryPage> {
  const { files, next } = await deleted.page({ after, limit: FILES_PER_PAGE });
  // The distance, not the difference: where the clock was put back, one of a far future must not stay for ever.
  const expired = files.filter(({ deletedAtMs }) => Math.abs(nowMs - deletedAtMs) >= graceMs);
  const failures: unknown[] = [];
  await forEachConcurrently(expired, MAX_UNLINKS, async (file) => {
    await deleted.remove(file).catch((error: unknown) => failures.push(error));
  });
  return { next, removed: expired.length - failures.length, failures };
}
