/**
 * Does a job, and says of each of its files what has become of it. It never rejects for what a store does: that is the
 * answer. Every step can be done twice, by two workers at once too, so that a job whose answer got lost is simply done
 * again.
 */
import { StoreError } from '#libs/kernel';
import type { Clock, StoreId } from '#libs/kernel';
import type { Job, JobHandler, JobOperation, JobResult } from '#libs/job-queue';
import type { Store } from '#libs/stores';
import { copyFiles } from './copy-files.js';
import { deleteFiles } from './delete-files.js';
import type { JobContext } from './job-context.js';
import { JobStore } from './job-store.js';
import { StopSign } from './stop-sign.js';
import { asStoreFault, StoreFault } from './store-fault.js';
import type { Stores } from './store-opener.js';
import { jobError, Verdicts } from './verdicts.js';

export interface JobRunnerOptions {
  readonly stores: Stores;
  readonly clock: Clock;
  /** How long behind its deadline a job is answered that waits for a disk which does not. */
  readonly graceMs?: number;
}

const GRACE_MS = 2_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const STEPS: Readonly<Record<JobOperation, (context: JobContext) => Promise<void>>> = {
  copy: copyFiles,
  verify: copyFiles,
  repair: copyFiles,
  delete: deleteFiles,
};

export class JobRunner {
  readonly #stores: Stores;
  readonly #clock: Clock;
  readonly #graceMs: number;

  constructor({ stores, clock, graceMs = GRACE_MS }: JobRunnerOptions) {
    this.#stores = stores;
    this.#clock = clock;
    this.#graceMs = graceMs;
  }

  readonly run: JobHandler = async (job, signal) => {
    const startedAtMs = this.#clock.now();
    const verdicts = new Verdicts(job.items);
    let storeError: JobResult['storeError'];
    try {
      await this.#inTime(job, this.#do(job, { verdicts, signal }));
    } catch (error) {
      verdicts.pendingFail(error);
      if (error instanceof StoreFault) storeError = { ...jobError(error), storeId: error.storeId };
    }
    const finishedAtMs = this.#clock.now();
    const { jobId, catalogId, operation, sourceId, targetId } = job;
    return {
      jobId,
      catalogId,
      operation,
      sourceId,
      targetId,
      items: verdicts.results(),
      ...(storeError === undefined ? {} : { storeError }),
      finishedAtMs,
      durationMs: Math.max(0, finishedAtMs - startedAtMs),
    };
  };

  /**
   * A disk that hangs must not keep one of the few jobs that a worker does at a time for ever. What was begun goes on when
   * the disk does, as that of a worker whose answer got lost, and gives up at its next look at the deadline.
   */
  async #inTime({ deadlineMs }: Job, doing: Promise<void>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const patienceMs = Math.max(0, deadlineMs - this.#clock.now()) + this.#graceMs;
    const message = 'The deadline of the job has passed while a store did not answer.';
    const giveUp = (): void => reject(new StoreError('job_overdue', message));
    const timer = setTimeout(giveUp, Math.min(patienceMs, LONGEST_TIMER_MS));
    // Nobody waits for the answer of a process that has nothing else to do.
    timer.unref();
    try {
      await Promise.race([doing, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #do(job: Job, { verdicts, signal }: { verdicts: Verdicts; signal: AbortSignal }): Promise<void> {
    const stop = new StopSign({ deadlineMs: job.deadlineMs, clock: this.#clock, signal });
    stop.check();
    const { sourceId, targetId } = job;
    const opened = { target: await this.#open(job, targetId), source: await this.#open(job, sourceId) };
    const confirmIdentity = (which: 'source' | 'target'): Promise<void> => this.#confirm(opened[which]);
    const [source, target] = [new JobStore(opened.source), new JobStore(opened.target)];
    await STEPS[job.operation]({ job, source, target, verdicts, stop, confirmIdentity });
    verdicts.pendingFail(new StoreError('internal', 'The job ended without a verdict on this file.'));
  }

  async #open({ clusterId }: Job, storeId: StoreId): Promise<Store> {
    try {
      const store = await this.#stores.open(storeId);
      if (store.identity.clusterId === clusterId) return store;
      throw new StoreError('store_foreign', 'The job is of another installation than the store.');
    } catch (error) {
      throw asStoreFault(error, { storeId, name: storeId });
    }
  }

  async #confirm(store: Store): Promise<void> {
    try {
      await this.#stores.confirm(store);
    } catch (error) {
      throw asStoreFault(error, store.identity);
    }
  }
}
