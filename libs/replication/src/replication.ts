/**
 * The door of replication: carries what the catalog says is owed to the stores, and tells how they fare. It never changes
 * what is owed; apply does. All that it keeps in memory may be lost: what is in flight is handed out again, and an answer
 * to an order that is not the last one closes nothing.
 */
import type { JobError, JobResult } from '#libs/job-queue';
import type { FileId, StoreId } from '#libs/kernel';
import { StoreError } from '#libs/kernel';
import { CopyWaiters } from './copy-waiters.js';
import type { CopyWait } from './copy-waiters.js';
import { Dispatcher } from './dispatcher.js';
import { FillTask } from './fill-task.js';
import { putOff, settleResult } from './results.js';
import type { Settlement } from './results.js';
import { LONGEST_RETRY_MS } from './retry.js';
import type { HandedOut } from './standstill.js';
import { statusOf, statusOfDeparted } from './status.js';
import { StoreLane } from './store-lane.js';
import { StoreWatch } from './store-watch.js';
import { SyncRun } from './sync-run.js';
import { systemTimers } from './timers.js';
import type { Timers } from './timers.js';
import type { ReplicaStatus, ReplicationOptions, SyncOperation } from './types.js';

/** How often it is looked for what is not coming back. */
const RECONCILE_INTERVAL_MS = 5_000;

const EMPTY_ANSWER: JobError = { code: 'internal', message: 'A worker answered a job without a word on its files.' };

export class Replication {
  readonly #options: ReplicationOptions;
  readonly #timers: Timers;
  readonly #random: () => number;
  readonly #lanes: ReadonlyMap<StoreId, StoreLane>;
  readonly #dispatcher: Dispatcher;
  readonly #waiters: CopyWaiters;
  readonly #watch: StoreWatch;
  readonly #filling: FillTask;
  #syncs: SyncRun[] = [];
  #lastAnswerAtMs: number | undefined;
  #isStopped = false;
  #cancelReconciler: () => void = () => undefined;

  constructor(options: ReplicationOptions) {
    this.#options = options;
    const { catalog, queue, sourceId, clusterId, replicas, clock, log, distrust = () => false } = options;
    const { timers = systemTimers, random = Math.random } = options;
    this.#timers = timers;
    this.#random = random;
    const storeIds = [sourceId, ...replicas.map(({ storeId }) => storeId)];
    this.#lanes = new Map(storeIds.map((storeId) => [storeId, new StoreLane(storeId, random)]));
    const time = { clock, timers, random, log };
    const stores = { catalog, queue, primaryId: sourceId, clusterId, lanes: this.#lanes, distrust };
    this.#dispatcher = new Dispatcher({ ...stores, ...time });
    this.#waiters = new CopyWaiters(timers, (fileId) => this.#copiesOf(fileId));
    this.#watch = new StoreWatch({
      replicas,
      clusterId,
      lanes: this.#lanes,
      clock,
      timers,
      isOwed: (storeId) => catalog.obligations.isAnyOwed(storeId),
      failed: (lane, error) => this.#storeFailed(lane, error),
      wake: () => this.notice(),
    });
    const replicaIds = replicas.map(({ storeId }) => storeId);
    this.#filling = new FillTask({
      catalog,
      primaryId: sourceId,
      replicaIds,
      clock,
      timers,
      log,
      wake: () => this.notice(),
    });
  }

  start(): void {
    this.#options.queue.listen((result) => this.#take(result));
    this.#filling.start();
    this.#watch.start();
    this.#reconcile();
  }

  /** Hands out nothing more and takes no more answers; whoever waits for copies is told what there is. */
  async stop(timeoutMs: number): Promise<void> {
    this.#isStopped = true;
    this.#cancelReconciler();
    this.#filling.stop();
    this.#watch.stop();
    this.#waiters.end();
    for (const sync of this.#syncs) sync.end();
    const dispatched = this.#dispatcher.stop();
    await this.#options.queue.close(timeoutMs);
    const timeOut = Promise.withResolvers<void>();
    const cancel = this.#timers.after(timeoutMs, timeOut.resolve);
    await Promise.race([dispatched, timeOut.promise]);
    cancel();
  }

  /** Something is owed; to be called after every change of the catalog. Costs nothing. */
  notice(): void {
    this.#dispatcher.wake();
  }

  /** Resolves with how many of the replicas hold the file, as soon as it is `count`, or at the time-out. */
  waitForCopies(wait: CopyWait): Promise<number> {
    return this.#waiters.wait(wait);
  }

  /** Whether the file is on its way to, or out of, that store. */
  copying(fileId: FileId, storeId: StoreId): boolean {
    return this.#lanes.get(storeId)?.files.has(fileId) ?? false;
  }

  /** The replicas in the order of the settings; then those that left them, until all that is known of them is forgotten. */
  status(): ReplicaStatus[] {
    const { replicas, catalog, clock, peers } = this.#options;
    const nowMs = clock.now();
    const stores = replicas.map(({ storeId, name, place: { location } }) => {
      const load = catalog.obligations.load(storeId);
      const filling = !catalog.obligations.isFilled(storeId);
      const someFail = catalog.obligations.isAnyFailed(storeId);
      return statusOf({ storeId, name, location }, { lane: this.#lanes.get(storeId)!, load, filling, someFail, nowMs });
    });
    const departed = catalog.obligations
      .storeIds()
      .filter((storeId) => !this.#lanes.has(storeId))
      .map((storeId) => statusOfDeparted({ storeId, peers, load: catalog.obligations.load(storeId), nowMs }));
    return [...stores, ...departed];
  }

  /** What is owed to the primary are repairs. */
  statusOfPrimary(primary: Pick<ReplicaStatus, 'name' | 'location'>): ReplicaStatus {
    const { sourceId: storeId, catalog, clock } = this.#options;
    const load = catalog.obligations.load(storeId);
    const someFail = catalog.obligations.isAnyFailed(storeId);
    return statusOf(
      { ...primary, storeId },
      { lane: this.#lanes.get(storeId)!, load, filling: false, someFail, nowMs: clock.now() },
    );
  }

  /**
   * Makes everything that is owed to these replicas due now, and lets them be tried again; of all replicas, where none is
   * named. Throws `replica_not_found`.
   */
  sync(names?: readonly string[]): SyncOperation {
    const { replicas } = this.#options;
    const unknown = names?.find((name) => !replicas.some((replica) => replica.name === name));
    if (unknown !== undefined) {
      throw new StoreError('replica_not_found', `There is no replica ${unknown}.`, { context: { replica: unknown } });
    }
    return this.carryOut(replicas.filter(({ name }) => names?.includes(name) ?? true).map(({ storeId }) => storeId));
  }

  /** `sync` of stores by their ids, also of the primary; others than these are none of ours. */
  carryOut(storeIds: readonly StoreId[]): SyncOperation {
    const { catalog, clock } = this.#options;
    const lanes = storeIds.flatMap((storeId) => this.#lanes.get(storeId) ?? []);
    const sync = new SyncRun(lanes, {
      obligations: catalog.obligations,
      timers: this.#timers,
      nowMs: clock.now(),
      wake: () => this.#dispatcher.wakeForRepairs(),
    });
    this.#syncs = [...this.#syncs.filter(({ isFinished }) => !isFinished), sync];
    this.#watch.askNow(lanes);
    return sync;
  }

  /** A chunk or the manifest on the primary is bad: owes the primary a repair from a replica that holds the file. */
  oweRepair(fileId: FileId): void {
    const { catalog, sourceId, clock } = this.#options;
    catalog.obligations.owe({ fileId, storeId: sourceId, operation: 'repair', nowMs: clock.now() });
    this.#dispatcher.wakeForRepairs();
  }

  /**
   * Orders files anew on a store that was seen to hold them badly, whatever of them is under way: that answer closes
   * nothing then. Answers with how many files were ordered; one that should not be there is left alone, and a delete that
   * was never ordered is not ordered here.
   */
  oweAnew(order: {
    readonly fileIds: readonly FileId[];
    readonly storeId: StoreId;
    readonly operation: 'verify' | 'repair' | 'delete';
  }): number {
    const { catalog, clock } = this.#options;
    const owed = catalog.obligations.oweAnew({ ...order, nowMs: clock.now() });
    this.#dispatcher.wakeForRepairs();
    return owed;
  }

  async #take(result: JobResult): Promise<void> {
    // Whatever becomes of the answer itself: the last checkpoint of a stop is still to come.
    if (result.lostWrite !== undefined) this.#options.lostWrite?.(result.lostWrite);
    // Answered with an error, the queue keeps it for the next process.
    if (this.#isStopped) throw new StoreError('shutting_down', 'Replication takes no more results.');
    const lane = this.#lanes.get(result.targetId);
    if (lane === undefined) return;
    const { catalog, sourceId, clock } = this.#options;
    const nowMs = clock.now();
    this.#lastAnswerAtMs = nowMs;
    const isAwaited = (fileId: FileId): boolean => lane.files.get(fileId) === result.jobId;
    const context = { catalog, primaryId: sourceId, nowMs, random: this.#random, isAwaited };
    const settlement = settleResult(result, context);
    if (settlement === undefined) return;
    lane.doubts.cleared(settlement.closed.map(({ fileId }) => fileId));
    if (settlement.closed.length > 0) lane.succeeded(nowMs);
    // A late answer says how the store was, not how it is.
    if (lane.end(result.jobId) === 'ended') this.#noteHealth(lane, { result, settlement });
    for (const { fileId, want } of settlement.closed) {
      if (want === 'present') this.#options.copied?.(result.targetId, fileId);
      this.#waiters.confirmed(fileId);
    }
    for (const fileId of settlement.damagedAtSource) this.#repairIfHeld(fileId);
    for (const sync of this.#syncs) sync.look();
    this.notice();
  }

  #noteHealth(lane: StoreLane, { result, settlement }: { result: JobResult; settlement: Settlement }): void {
    lane.doubts.failed(settlement.unexplained);
    lane.doubts.storeFailed(settlement.unjudged);
    // An answer that says nothing of any file would be asked for again and again.
    const error = result.storeError ?? (result.items.length === 0 ? EMPTY_ANSWER : undefined);
    if (error !== undefined) {
      const repairSource = lane.storeId === this.#options.sourceId ? this.#lanes.get(result.sourceId) : undefined;
      if (repairSource !== undefined && result.storeError?.storeId === repairSource.storeId) {
        // A repair has other replicas to come from.
        lane.undecided();
        this.#storeFailed(repairSource, error);
      } else this.#storeFailed(lane, error);
      return;
    }
    const nowMs = this.#options.clock.now();
    lane.answered(nowMs);
    lane.judged(settlement.itemError, nowMs);
    const { catalog } = this.#options;
    if (result.items.some(({ outcome }) => outcome !== 'failed')) {
      putOff(lane.doubts.takeBlamed(), { catalog, nowMs, random: this.#random });
    }
  }

  /** `storeId`: who was at fault, where it is another one than the lane's. */
  #storeFailed(lane: StoreLane, error: JobError & { readonly storeId?: StoreId }): void {
    const nowMs = this.#options.clock.now();
    const isTarget = error.storeId === undefined || error.storeId === lane.storeId;
    if (isTarget && error.code === 'store_foreign') lane.foreign(error, nowMs);
    else lane.failed(error, nowMs);
    for (const sync of this.#syncs) sync.storeFailed(lane.storeId, error);
  }

  /** What no replica holds cannot be repaired: the error of the copy says it already. */
  #repairIfHeld(fileId: FileId): void {
    if (this.#copiesOf(fileId) > 0) this.oweRepair(fileId);
  }

  #copiesOf(fileId: FileId): number {
    const { catalog, sourceId } = this.#options;
    return catalog.obligations
      .of(fileId)
      .filter(({ storeId, want, state }) => want === 'present' && state === 'done' && storeId !== sourceId)
      .filter(({ storeId }) => this.#lanes.has(storeId)).length;
  }

  #handedOut(): HandedOut {
    const bytesInFlight = [...this.#lanes.values()].reduce((sum, lane) => sum + lane.bytesInFlight, 0);
    return { queueFailure: this.#dispatcher.queueFailure, lastAnswerAtMs: this.#lastAnswerAtMs, bytesInFlight };
  }

  /** Offers what is not answered once more, forgets what is not coming back, and hands that out again with the rest. */
  #reconcile(): void {
    if (this.#isStopped) return;
    const { catalog, clock, log } = this.#options;
    const nowMs = clock.now();
    for (const lane of this.#lanes.values()) {
      const lost = lane.forgetLost(nowMs);
      lane.doubtSilence(nowMs);
      if (lost > 0)
        log.warn({ store_id: lane.storeId, jobs: lost }, 'jobs were not answered; they are handed out again');
      try {
        catalog.obligations.rejuvenate({ storeId: lane.storeId, nowMs, latestMs: nowMs + LONGEST_RETRY_MS });
      } catch (error) {
        log.error({ err: error }, 'the catalog cannot be written; what is owed is looked at again later');
      }
    }
    // What no replica can repair is put off without a job, so no answer says that a sync is over.
    for (const sync of this.#syncs) sync.lookForStandstill(this.#handedOut(), nowMs);
    this.#dispatcher.wakeForRepairs();
    this.#cancelReconciler = this.#timers.after(RECONCILE_INTERVAL_MS, () => this.#reconcile());
  }
}
