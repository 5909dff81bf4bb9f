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
}

const STEPS: Readonly<Record<JobOperation, (context: JobContext) => Promise<void>>> = {
  copy: copyFiles,
  verify: copyFiles,
  repair: copyFiles,
  delete: deleteFiles,
};

export class JobRunner {
  readonly #stores: Stores;
  readonly #clock: Clock;

  constructor({ stores, clock }: JobRunnerOptions) {
    this.#stores = stores;
    this.#clock = clock;
  }

  readonly run: JobHandler = async (job, signal) => {
    const startedAtMs = this.#clock.now();
    const verdicts = new Verdicts(job.items);
    let storeError: JobResult['storeError'];
    try {
      await this.#do(job, { verdicts, signal });
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
