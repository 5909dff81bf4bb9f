/**
 * Removes tombstones that nobody needs any more. One may go when all of this holds; where a line does not, it stays, which
 * costs a small file and nothing else:
 *
 *   the catalog    knows no such file; nothing of it is owed to any store, in whatever state; every delete was confirmed
 *                  `holdMs` ago, and so long ago it was logged (one that joined later is owed the delete, and confirms it)
 *   the log        has no record of the file any more, so that no salvage of a damaged log can find its upload
 *   the stores     every one of the settings is there, says who it is, and has no manifest of it
 *
 * Order: the rows are marked, durably (ExpiringDeletes), and are not judged from then on; the replicas' tombstones go,
 * durably; then the primary's; then the rows. As long as the primary has the tombstone, anything that is given up, lost or
 * rebuilt in between ends in the delete being carried out once more; when it has gone, no other store has one.
 *
 * Time only ever delays. A clock that is put back does; one that leaps forward, as behind a suspension, in which a copy may
 * have been under way, is believed only when the process has run on for `SETTLE_MS` behind the leap.
 */
import type { Catalog } from '#libs/catalog';
import { decodeFileDelete, decodeWholeFrame, forEachConcurrently, recordTypeOf } from '#libs/kernel';
import type { Clock, FileId, LogId, Lsn, StoreId } from '#libs/kernel';
import type { ObjectKey, PrimaryStore } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import type { Stores } from '#libs/transfer';
import { StoreSight } from './store-sight.js';

/** Tombstones looked at together. A listing reads a whole shard however little of it is wanted. */
const FILES_PER_PAGE = 256;
/** Removed together: not more directories than are synced one by one. */
const FILES_PER_REMOVAL = 32;
/** Half of libuv's default pool, so that the log's fdatasync never waits behind these. */
const MAX_LOOKS = 2;
/** Longer than whatever a process that wakes up with this one still has in hand. */
const SETTLE_MS = 30 * 60_000;
const DAY_MS = 24 * 60 * 60_000;

export interface TombstoneExpiryOptions {
  readonly catalog: Catalog;
  readonly primary: PrimaryStore;
  readonly wal: { readonly logId: LogId; readonly oldestLsn: Lsn };
  /** All of the settings. One that cannot be opened keeps every tombstone. */
  readonly replicaIds: readonly StoreId[];
  /** The primary's too. */
  readonly stores: Stores;
  readonly clock: Clock;
  /** Milliseconds that never leap and never go back. */
  readonly runningMs: () => number;
  readonly holdMs: number;
  /** Something is owed. */
  readonly notice: () => void;
  readonly log: Log;
}

interface Cutoff {
  /** What was confirmed up to here was ripe by the clock when it was looked at. */
  readonly untilMs: number;
  readonly lookedAtMs: number;
}

interface Round {
  readonly untilMs: number;
  /** Where the listing goes on; undefined at its beginning. */
  after: string | undefined;
  isListed: boolean;
  /** Marked, and not removed yet. */
  leaving: FileId[];
  expired: number;
}

const tombstone = (id: FileId): ObjectKey => ({ kind: 'tombstone', id });
const manifest = (id: FileId): ObjectKey => ({ kind: 'manifest', id });

export class TombstoneExpiry {
  readonly #options: TombstoneExpiryOptions;
  #cutoff: Cutoff;
  /** Before the first round no longer than it must be: a server may be started every day. */
  #waitMs = SETTLE_MS;
  #round: Round | undefined;

  constructor(options: TombstoneExpiryOptions) {
    this.#options = options;
    this.#cutoff = this.#cutoffNow();
  }

  /** One bounded piece of work; not for two callers at a time. Never throws for what a store does. */
  async step(): Promise<'busy' | 'idle'> {
    const { log } = this.#options;
    const round = (this.#round ??= this.#nextRound());
    try {
      if (await this.#advance(round)) return 'busy';
    } catch (error) {
      log.debug({ err: error }, 'no tombstones expire now: a store could not be asked');
    }
    if (round !== undefined && round.expired > 0) log.info({ tombstones: round.expired }, 'tombstones have expired');
    this.#round = undefined;
    return 'idle';
  }

  #cutoffNow(): Cutoff {
    const { clock, holdMs, runningMs } = this.#options;
    return { untilMs: clock.now() - holdMs, lookedAtMs: runningMs() };
  }

  /** All tombstones are listed each time, so they go up to a quarter of the hold, or a day, late. */
  #nextRound(): Round | undefined {
    const now = this.#cutoffNow();
    if (now.lookedAtMs - this.#cutoff.lookedAtMs < this.#waitMs) return undefined;
    const untilMs = Math.min(this.#cutoff.untilMs, now.untilMs);
    this.#cutoff = now;
    this.#waitMs = Math.max(SETTLE_MS, Math.min(this.#options.holdMs / 4, DAY_MS));
    return { untilMs, after: undefined, isListed: false, leaving: [], expired: 0 };
  }

  /** Whether there is more to do. */
  async #advance(round: Round | undefined): Promise<boolean> {
    if (round !== undefined && round.leaving.length > 0) {
      await this.#removeSome(round);
      return true;
    }
    if (await this.#settleLeft()) return true;
    if (round === undefined || round.isListed) return false;
    await this.#markPage(round);
    return true;
  }

  /** What a stop, a crash or a store that failed has left half done. Nothing else is expiring at this point. */
  async #settleLeft(): Promise<boolean> {
    const { catalog, primary, replicaIds, clock, notice } = this.#options;
    const { expiringDeletes } = catalog;
    const left = replicaIds.flatMap((storeId) => expiringDeletes.page({ storeId, limit: FILES_PER_PAGE }));
    if (left.length === 0) return false;
    const standing = await having(new Set(left), async (id) => (await primary.has(tombstone(id))) !== undefined);
    const gone = left.filter((id) => !standing.includes(id));
    // A kill may have come between the unlinks and their sync, and a power cut may follow.
    await primary.syncAll(gone.map(tombstone));
    expiringDeletes.end(gone);
    expiringDeletes.giveUp(standing, clock.now());
    if (standing.length > 0) notice();
    return true;
  }

  async #markPage(round: Round): Promise<void> {
    const { catalog, primary, replicaIds, clock } = this.#options;
    const { untilMs, after } = round;
    const { ids, next } = await primary.list('tombstone', {
      limit: FILES_PER_PAGE,
      // What is not listed does not expire, so one directory that was removed keeps no other tombstones.
      gaps: 'skip',
      ...(after === undefined ? {} : { after }),
    });
    round.after = next;
    round.isListed = next === undefined;
    const ripeness = { primaryId: primary.identity.storeId, untilMs };
    const ripe = (ids as FileId[]).filter((fileId) => catalog.expiringDeletes.isRipe({ fileId, ...ripeness }));
    const forgotten = await having(ripe, (fileId) => this.#isForgotten(fileId, untilMs));
    if (forgotten.length === 0) return;
    const fileIds = await this.#withoutManifest(forgotten);
    // In the turn of the last answer: what was ordered meanwhile is not marked.
    round.leaving = catalog.expiringDeletes.begin({ fileIds, replicaIds, nowMs: clock.now(), ...ripeness });
    if (replicaIds.length > 0 && round.leaving.length > 0) catalog.makeDurable();
  }

  /** Whether the primary has the tombstone whole, it is old enough, and the log has no record of its file. */
  async #isForgotten(fileId: FileId, untilMs: number): Promise<boolean> {
    const { primary, wal } = this.#options;
    const bytes = await primary.get(tombstone(fileId));
    const decoded = bytes === undefined ? undefined : decodeWholeFrame(bytes);
    // A damaged one is mended by the scrub.
    if (decoded?.ok !== true || recordTypeOf(decoded.frame) !== 'file_delete') return false;
    const { frame } = decoded;
    if (decodeFileDelete(frame).fileId !== fileId || decodeFileDelete(frame).deletedAtMs > untilMs) return false;
    return frame.logId !== wal.logId || frame.lsn < wal.oldestLsn;
  }

  /** Those of which no store has a manifest. Where one stands beside the tombstone, anti-entropy has it removed. */
  async #withoutManifest(fileIds: readonly FileId[]): Promise<FileId[]> {
    const { stores, primary, replicaIds } = this.#options;
    let left = [...fileIds];
    const sights: StoreSight[] = [];
    for (const storeId of [primary.identity.storeId, ...replicaIds]) {
      const sight = await StoreSight.open(stores, storeId);
      left = await having(left, async (id) => (await sight.has(manifest(id))) === undefined);
      sights.push(sight);
    }
    // A disk that went away while it was asked has no manifests either.
    for (const sight of sights) await sight.confirm();
    return left;
  }

  async #removeSome(round: Round): Promise<void> {
    const { catalog, stores, primary, replicaIds } = this.#options;
    const fileIds = round.leaving.splice(0, FILES_PER_REMOVAL);
    const keys = fileIds.map(tombstone);
    for (const storeId of replicaIds) {
      const sight = await StoreSight.open(stores, storeId);
      await sight.deleteAll(keys);
      // From a disk that was swapped in meanwhile they went, and from this one they did not.
      await sight.confirm();
    }
    await primary.deleteAll(keys);
    catalog.expiringDeletes.end(fileIds);
    round.expired += fileIds.length;
  }
}

/** Those of which it is true. Throws what one of the answers throws. */
async function having(ids: Iterable<FileId>, isTrue: (id: FileId) => Promise<boolean>): Promise<FileId[]> {
  const found: FileId[] = [];
  await forEachConcurrently(ids, MAX_LOOKS, async (id) => {
    if (await isTrue(id)) found.push(id);
  });
  return found;
}
