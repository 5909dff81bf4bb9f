/**
 * Hands out what is due: a page a store, never more than may be in flight, so that memory does not grow with what is owed.
 * It is woken by whoever owes something, by answers and by its own timer, and then looks at every store once.
 *
 * What is in flight is known in memory only, and its rows stay as they are in the catalog. A job that the queue would not
 * take stays in flight and is offered again, the same one: the queue may have taken it all the same.
 */
import type { Catalog, DueObligation } from '#libs/catalog';
import type { Job, JobQueue } from '#libs/job-queue';
import { backoffDelayMs, StoreError } from '#libs/kernel';
import type { Clock, ClusterId, FileId, StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { planJobs } from './plan-jobs.js';
import type { PlannedItem } from './plan-jobs.js';
import { retryAfter } from './retry.js';
import type { HandedOut } from './standstill.js';
import type { StoreLane } from './store-lane.js';
import type { Timers } from './timers.js';

/** While the queue takes nothing. */
const QUEUE_RETRY = { baseMs: 500, maxMs: 15_000 };
/** A timer is set no further ahead; the clock may be put forward meanwhile. */
const MAX_SLEEP_MS = 60_000;

export interface DispatcherOptions {
  readonly catalog: Catalog;
  readonly queue: Pick<JobQueue, 'add'>;
  readonly primaryId: StoreId;
  readonly clusterId: ClusterId;
  /** By store, the primary included: repairs are owed to it. */
  readonly lanes: ReadonlyMap<StoreId, StoreLane>;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly random: () => number;
  readonly log: Log;
  readonly distrust: (storeId: StoreId, fileId: FileId) => boolean;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  /** Nothing is owed to the primary: it is not looked at in every turn of a busy server. */
  #isPrimaryQuiet = false;
  #isWoken = false;
  #isStopped = false;
  #sending: Promise<void> | undefined;
  #queueFailures = 0;
  #queueTriedAgainAtMs = 0;
  #queueFailure: HandedOut['queueFailure'];
  #cancelTimer: () => void = () => undefined;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** As `standstillOf` wants it. */
  get queueFailure(): HandedOut['queueFailure'] {
    return this.#queueFailure;
  }

  /** Looks at every store soon; any number of calls until then are one. */
  wake(): void {
    if (this.#isWoken || this.#isStopped) return;
    this.#isWoken = true;
    this.#options.timers.soon(() => {
      this.#isWoken = false;
      this.#run();
    });
  }

  /** Something may be owed to the primary. */
  wakeForRepairs(): void {
    this.#isPrimaryQuiet = false;
    this.wake();
  }

  /** Resolves when nothing is being handed out any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelTimer();
    await this.#sending;
  }

  #lanes(): StoreLane[] {
    const { lanes, primaryId } = this.#options;
    return [...lanes.values()].filter(({ storeId }) => !this.#isPrimaryQuiet || storeId !== primaryId);
  }

  #run(): void {
    // Behind what is being sent it runs again.
    if (this.#isStopped || this.#sending !== undefined) return;
    const nowMs = this.#options.clock.now();
    this.#cancelTimer();
    try {
      if (nowMs >= this.#queueTriedAgainAtMs || this.#queueTriedAgainAtMs - nowMs > QUEUE_RETRY.maxMs)
        this.#send(nowMs);
    } catch (error) {
      this.#options.log.error({ err: error }, 'what is owed cannot be read; it is tried again');
      this.#pause(nowMs);
    }
    this.#sleep(nowMs);
  }

  #send(nowMs: number): void {
    const jobs: Job[] = [];
    for (const lane of this.#lanes()) {
      jobs.push(...lane.unqueued(), ...this.#plan(lane, nowMs));
    }
    if (jobs.length === 0) return;
    this.#sending = this.#offer(jobs).finally(() => {
      this.#sending = undefined;
      this.wake();
    });
  }

  /** New jobs for a store, in flight from now on. */
  #plan(lane: StoreLane, nowMs: number): Job[] {
    const capacity = lane.capacity(nowMs);
    if (capacity.jobs === 0) return [];
    const { catalog, clusterId } = this.#options;
    const rows = this.#due(lane, { nowMs, limit: capacity.items });
    const items = lane.doubts.withOneLost(rows).flatMap((row) => this.#itemOf(lane, row, nowMs));
    const { catalogId } = catalog;
    const jobs = planJobs({ items, catalogId, clusterId, targetId: lane.storeId, nowMs, maxJobs: capacity.jobs });
    for (const job of jobs) lane.begin(job);
    return jobs;
  }

  #due(lane: StoreLane, page: { readonly nowMs: number; readonly limit: number }): DueObligation[] {
    const { obligations } = this.#options.catalog;
    const { storeId, files, doubts } = lane;
    const rows = obligations.due({ ...page, storeId, except: doubts.withheld(files) });
    if (rows.length > 0 || !doubts.forgivePassedOver()) return rows;
    return obligations.due({ ...page, storeId, except: doubts.withheld(files) });
  }

  #itemOf({ storeId, doubts }: StoreLane, row: DueObligation, nowMs: number): PlannedItem[] {
    const { distrust, primaryId } = this.#options;
    const sourceId = storeId === primaryId ? this.#repairSource(row, nowMs) : primaryId;
    if (sourceId === undefined) return [];
    const distrustChunks = row.operation !== 'delete' && distrust(storeId, row.fileId);
    return [{ ...row, sourceId, distrustChunks, togetherAtMost: doubts.togetherAtMost(row.fileId) }];
  }

  /** A replica that holds the file, another one at each attempt. Where there is none the repair is put off. */
  #repairSource({ fileId, attempts, generation }: DueObligation, nowMs: number): StoreId | undefined {
    const { catalog, lanes, primaryId, random } = this.#options;
    const holders = catalog.obligations
      .of(fileId)
      .filter(({ want, state, storeId }) => want === 'present' && state === 'done' && storeId !== primaryId)
      .filter(({ storeId }) => lanes.get(storeId)?.isForeign === false)
      .map(({ storeId }) => storeId);
    const sound = holders.filter((storeId) => lanes.get(storeId)?.isSound === true);
    const sources = sound.length > 0 ? sound : holders;
    if (sources.length > 0) return sources[attempts % sources.length];
    const { state, delayMs } = retryAfter({ attempts, random: random() });
    const order = { fileId, storeId: primaryId, generation, want: 'present' as const };
    const error = 'chunk_missing: No replica holds the file.';
    catalog.obligations.postpone([{ ...order, state, nextAttemptAtMs: Math.ceil(nowMs + delayMs), error }]);
    return undefined;
  }

  async #offer(jobs: readonly Job[]): Promise<void> {
    const { queue, lanes, clock, log } = this.#options;
    try {
      await queue.add(jobs);
    } catch (error) {
      if (this.#queueFailures === 0) {
        const level = StoreError.is(error, 'queue_unavailable') ? 'warn' : 'error';
        log[level]({ err: error }, 'the job queue takes no jobs; what is owed stays owed, and is offered again');
      }
      const nowMs = clock.now();
      const message = error instanceof Error ? error.message : String(error);
      this.#queueFailure = { sinceMs: this.#queueFailure?.sinceMs ?? nowMs, message };
      this.#pause(nowMs);
      return;
    }
    if (this.#queueFailures > 0) log.info({}, 'the job queue takes jobs again');
    this.#queueFailures = 0;
    this.#queueFailure = undefined;
    const nowMs = clock.now();
    for (const { jobId, targetId } of jobs) lanes.get(targetId)?.queued(jobId, nowMs);
  }

  #pause(nowMs: number): void {
    this.#queueTriedAgainAtMs = nowMs + backoffDelayMs(this.#queueFailures, QUEUE_RETRY, this.#options.random());
    this.#queueFailures += 1;
  }

  /** Until the next of what is put off is due, a store may be tried again, or the queue. */
  #sleep(nowMs: number): void {
    if (this.#isStopped || this.#sending !== undefined) return;
    const times = [nowMs + MAX_SLEEP_MS];
    if (this.#queueTriedAgainAtMs > nowMs) {
      times.push(this.#queueTriedAgainAtMs);
    } else {
      for (const lane of this.#lanes()) {
        const isOpen = lane.capacity(nowMs).jobs > 0;
        const at = isOpen
          ? this.#options.catalog.obligations.nextDueMs({ storeId: lane.storeId, nowMs })
          : lane.triedAgainAtMs;
        if (at !== undefined) times.push(at);
        else if (isOpen && lane.storeId === this.#options.primaryId) this.#isPrimaryQuiet = lane.files.size === 0;
      }
    }
    this.#cancelTimer();
    this.#cancelTimer = this.#options.timers.after(Math.max(1, Math.min(...times) - nowMs), () => this.wake());
  }
}
