/**
 * Collects garbage: chunks that nothing refers to any more. Two sources note them in the catalog, apply when it drops the
 * last reference, and the sweep, which lists the primary's chunks and finds the orphans that interrupted uploads left. A
 * chunk that was noted `graceMs` ago is looked at again under its chunk lock and removed if it has no reference and no pin.
 *
 * What is noted is a hint, and time only decides how soon: a clock that jumps, a row that is lost and a step that is cut
 * off anywhere cost disk space for a while, never a chunk that is needed.
 *
 *   may not collect                                            → held
 *   pass: rows noted `graceMs` ago, a page a step              → busy
 *         then what earlier passes left unknown on replicas, a page a step → busy
 *         then, when they are due: the manifests that deletes have kept `graceMs` long, a page a step → busy
 *         then, when a sweep is due: the listing, a page a step → busy
 *         then, when they are due: the tombstones that nobody needs any more (tombstone-expiry.ts) → busy
 *         then                                                 → idle; the next step begins a new pass
 *   a phase that fails                                         → throws; the next step begins a new pass
 *
 * What is noted so comes first behind every failure: a directory that cannot be read costs the work of its own phase, which
 * is put off, and never that of the others.
 */
import type { Catalog, CollectionHold, GarbageChunk } from '#libs/catalog';
import { forEachConcurrently, systemErrorCode } from '#libs/kernel';
import type { ChunkId, Clock } from '#libs/kernel';
import type { ObjectPage, PrimaryStore } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { removeExpiredDeletes } from './expired-deletes.js';
import type { ReplicaGarbage } from './replica-garbage.js';
import type { TombstoneExpiry } from './tombstone-expiry.js';

/** Chunks locked together; an upload of one of them waits for at most so many unlinks. */
const CHUNKS_PER_COLLECTION = 128;
/** A listing reads a whole shard however little of it is wanted. */
const CHUNKS_PER_LISTING = 512;
/** A part of the thread pool, so that the log's fdatasync never waits behind these. */
const MAX_UNLINKS = 2;
/** After the one at the start a sweep finds only what is known already, or what a mistake of ours left. */
const SWEEP_INTERVAL_MS = 24 * 60 * 60 * 1000;
/** After one that could not be ended, or had to leave out a directory that is not there. */
const SWEEP_RETRY_MS = 10 * 60 * 1000;
/** SQLite's log grows with every row that is forgotten, and on an idle server no checkpoint would empty it. */
const FORGOTTEN_PER_CHECKPOINT = 8_192;

export interface GarbageCollectorOptions {
  readonly primary: PrimaryStore;
  readonly catalog: Catalog;
  /** Outcomes are unknown while the log is poisoned or apply is halted: nothing is removed then. */
  readonly wal: { readonly poisoned: boolean };
  readonly applier: { readonly halted: boolean };
  /** Left out where there are no replicas. */
  readonly replicaGarbage?: ReplicaGarbage;
  /** Left out where tombstones are kept for ever. */
  readonly tombstoneExpiry?: Pick<TombstoneExpiry, 'step'>;
  readonly clock: Clock;
  readonly log: Log;
  /** How long a chunk stays after it was found to be garbage. */
  readonly graceMs: number;
}

/** `busy`: there is more to do now. `idle`: a pass has ended. `held`: nothing may be collected. */
export type StepOutcome = 'busy' | 'idle' | 'held';

type Phase =
  | { readonly kind: 'begin' }
  | { readonly kind: 'collect'; readonly after: GarbageChunk | undefined }
  | { readonly kind: 'unknown'; readonly replica: number; readonly after: ChunkId | undefined }
  | { readonly kind: 'deleted'; readonly after: string | undefined }
  | { readonly kind: 'sweep'; readonly after: string | undefined; readonly extent: 'whole' | 'partial' }
  | { readonly kind: 'tombstones' };

export class GarbageCollector {
  readonly #options: GarbageCollectorOptions;
  #phase: Phase = { kind: 'begin' };
  #sweptAtMs = Number.NEGATIVE_INFINITY;
  #deletedLookedAtMs = Number.NEGATIVE_INFINITY;
  #forgotten = 0;
  /** Of the pass under way. */
  #counts = { chunks: 0, bytes: 0, orphans: 0, deletes: 0 };

  constructor(options: GarbageCollectorOptions) {
    this.#options = options;
  }

  /** Why this catalog may lack references: nothing is collected before it is rebuilt with everything in place. */
  get holds(): readonly CollectionHold[] {
    return this.#options.catalog.garbage.holds();
  }

  /** One bounded piece of work; not for two callers at a time. Throws what the primary or the catalog throws. */
  async step(): Promise<StepOutcome> {
    const { wal, applier, primary, catalog, clock } = this.#options;
    const phase = this.#phase;
    if (wal.poisoned || applier.halted || this.holds.length > 0) return 'held';
    const abandoned = primary.guard.takeAbandoned(CHUNKS_PER_LISTING);
    if (abandoned.length > 0) this.#counts.orphans += catalog.garbage.note(abandoned, clock.now());
    try {
      this.#phase = await this.#next(phase.kind === 'begin' ? this.#beginPass() : phase);
    } catch (error) {
      this.#putOff(phase);
      this.#phase = { kind: 'begin' };
      throw error;
    }
    if (this.#phase.kind !== 'begin') return 'busy';
    this.#report();
    return 'idle';
  }

  #beginPass(): Exclude<Phase, { kind: 'begin' }> {
    const { catalog, clock, replicaGarbage } = this.#options;
    catalog.garbage.rejuvenate(clock.now());
    replicaGarbage?.beginPass();
    return { kind: 'collect', after: undefined };
  }

  /** What has failed is not due again in the very next pass, so that this one comes to what is behind it. */
  #putOff({ kind }: Phase): void {
    if (kind === 'deleted') this.#deletedLookedAtMs = this.#options.clock.now();
    if (kind === 'sweep') this.#swept('partial');
  }

  #next(phase: Exclude<Phase, { kind: 'begin' }>): Promise<Phase> {
    switch (phase.kind) {
      case 'collect':
        return this.#collect(phase);
      case 'unknown':
        return this.#collectUnknown(phase);
      case 'deleted':
        return this.#removeDeleted(phase);
      case 'sweep':
        return this.#sweep(phase);
      case 'tombstones':
        return this.#expireTombstones(phase);
    }
  }

  async #collect({ after }: Extract<Phase, { kind: 'collect' }>): Promise<Phase> {
    const { primary, catalog, clock, graceMs } = this.#options;
    const page = { after, untilMs: clock.now() - graceMs, limit: CHUNKS_PER_COLLECTION };
    const chunks = catalog.garbage.page(page);
    // Rows of pinned chunks stay, and are behind the cursor for the rest of this pass.
    await primary.guard.collect(
      chunks.map(({ chunkId }) => chunkId),
      (unpinned) => this.#remove(unpinned),
    );
    if (chunks.length === CHUNKS_PER_COLLECTION) return { kind: 'collect', after: chunks.at(-1) };
    return { kind: 'unknown', replica: 0, after: undefined };
  }

  /** Chunks whose unlink on a replica nobody has confirmed, and that are still garbage. */
  async #collectUnknown({ replica, after }: Extract<Phase, { kind: 'unknown' }>): Promise<Phase> {
    const { primary, catalog, clock, replicaGarbage, graceMs } = this.#options;
    const storeId = replicaGarbage?.storeIds[replica];
    if (replicaGarbage === undefined || storeId === undefined) {
      const isDue = Math.abs(clock.now() - this.#deletedLookedAtMs) >= Math.min(graceMs / 4, SWEEP_INTERVAL_MS);
      return isDue ? { kind: 'deleted', after: undefined } : this.#sweepIfDue();
    }
    if (!replicaGarbage.mayBeAsked(storeId)) return { kind: 'unknown', replica: replica + 1, after: undefined };
    const chunkIds = catalog.unknownChunks.page({ storeId, after, limit: CHUNKS_PER_COLLECTION });
    await primary.guard.collect(chunkIds, async (unpinned) => {
      const needed = unpinned.filter((chunkId) => catalog.garbage.isReferenced(chunkId));
      // The next copy puts them and does not ask whether they are there; it has to be owed.
      replicaGarbage.doubt(storeId, needed);
      const garbageNow = unpinned.filter((chunkId) => !needed.includes(chunkId));
      await replicaGarbage.removeUnknown(storeId, garbageNow);
    });
    if (chunkIds.length === CHUNKS_PER_COLLECTION) return { kind: 'unknown', replica, after: chunkIds.at(-1) };
    return { kind: 'unknown', replica: replica + 1, after: undefined };
  }

  /** All of them are listed each time, so they go up to a quarter of their grace late. */
  async #removeDeleted({ after }: Extract<Phase, { kind: 'deleted' }>): Promise<Phase> {
    const { primary, clock, graceMs, log } = this.#options;
    const { next, removed, failures } = await removeExpiredDeletes(primary, { after, nowMs: clock.now(), graceMs });
    this.#counts.deletes += removed;
    if (failures.length > 0) {
      log.warn({ files: failures.length, err: failures[0] }, 'manifests of deleted files could not be removed');
    }
    if (next !== undefined) return { kind: 'deleted', after: next };
    this.#deletedLookedAtMs = clock.now();
    return this.#sweepIfDue();
  }

  #sweepIfDue(): Phase {
    const isDue = Math.abs(this.#options.clock.now() - this.#sweptAtMs) >= SWEEP_INTERVAL_MS;
    return isDue ? { kind: 'sweep', after: undefined, extent: 'whole' } : { kind: 'tombstones' };
  }

  /** Under the chunk locks: a chunk without a reference gets none before this has ended. */
  async #remove(unpinned: readonly ChunkId[]): Promise<void> {
    const { primary, catalog, log, replicaGarbage } = this.#options;
    const { garbage } = catalog;
    const referenced = new Set(unpinned.filter((chunkId) => garbage.isReferenced(chunkId)));
    // In the turn of the look: a delete that is applied during the unlinks notes them again.
    garbage.forget([...referenced]);
    const removed: ChunkId[] = [];
    const failures: unknown[] = [];
    const garbageNow = unpinned.filter((chunkId) => !referenced.has(chunkId));
    await forEachConcurrently(garbageNow, MAX_UNLINKS, async (chunkId) => {
      try {
        this.#counts.bytes += await primary.unlinkChunk(chunkId);
        removed.push(chunkId);
      } catch (error) {
        // Its row stays, and the next pass tries again.
        failures.push(error);
      }
    });
    // Under the same locks, and before the rows go: what a replica keeps by mistake is noted as unknown there.
    await replicaGarbage?.remove(removed);
    garbage.forget(removed);
    this.#counts.chunks += removed.length;
    if (failures.length > 0) log.warn({ chunks: failures.length, err: failures[0] }, 'garbage could not be removed');
    this.#keepCatalogSmall(referenced.size + removed.length);
  }

  async #sweep({ after, extent: before }: Extract<Phase, { kind: 'sweep' }>): Promise<Phase> {
    const { primary, catalog, clock } = this.#options;
    const { ids, next, hasGap } = await this.#chunksBehind(after);
    const extent = hasGap ? 'partial' : before;
    // An upload under way has no references yet.
    const unpinned = (ids as ChunkId[]).filter((chunkId) => !primary.guard.isPinned(chunkId));
    this.#counts.orphans += catalog.garbage.note(unpinned, clock.now());
    if (next !== undefined) return { kind: 'sweep', after: next, extent };
    this.#swept(extent);
    return { kind: 'tombstones' };
  }

  /** A directory that was removed has no orphans, and one that is not mounted shows none: neither is a harm here. */
  async #chunksBehind(after: string | undefined): Promise<ObjectPage & { readonly hasGap: boolean }> {
    const { primary } = this.#options;
    const query = { limit: CHUNKS_PER_LISTING, ...(after === undefined ? {} : { after }) };
    try {
      return { ...(await primary.list('chunk', query)), hasGap: false };
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
      return { ...(await primary.list('chunk', { ...query, gaps: 'skip' })), hasGap: true };
    }
  }

  #swept(extent: 'whole' | 'partial'): void {
    this.#sweptAtMs = this.#options.clock.now() - (extent === 'whole' ? 0 : SWEEP_INTERVAL_MS - SWEEP_RETRY_MS);
  }

  async #expireTombstones(phase: Extract<Phase, { kind: 'tombstones' }>): Promise<Phase> {
    const outcome = await this.#options.tombstoneExpiry?.step();
    return outcome === 'busy' ? phase : { kind: 'begin' };
  }

  #keepCatalogSmall(forgotten: number): void {
    this.#forgotten += forgotten;
    if (this.#forgotten < FORGOTTEN_PER_CHECKPOINT) return;
    this.#forgotten = 0;
    try {
      this.#options.catalog.makeDurable();
    } catch (error) {
      this.#options.log.debug({ err: error }, 'the catalog could not be made durable; the next checkpoint will');
    }
  }

  #report(): void {
    const { chunks, bytes, orphans, deletes } = this.#counts;
    this.#counts = { chunks: 0, bytes: 0, orphans: 0, deletes: 0 };
    if (orphans > 0) this.#options.log.info({ chunks: orphans }, 'orphans were found');
    if (deletes > 0) this.#options.log.info({ files: deletes }, 'deleted files can no longer be brought back');
    if (chunks > 0) this.#options.log.info({ chunks, freed_bytes: bytes }, 'garbage was collected');
  }
}
