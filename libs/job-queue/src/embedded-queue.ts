/**
 * The queue of an installation without Redis: jobs wait in memory and are done by a handler of this process, as a rule
 * that of a `JobThread`. Nothing of it survives the process, and nothing has to: what is owed stands in the catalog.
 *
 * Bounded everywhere: jobs that wait, jobs under way, results that nobody took. A job is forgotten when its result is
 * there, so the same id may come again after that and not before.
 */
import { StoreError, systemClock } from '#libs/kernel';
import type { BackoffOptions, Clock } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Job } from './job.js';
import type { JobHandler, JobQueue, QueueCondition, ResultListener } from './job-queue.js';
import { ResultDelivery } from './result-delivery.js';
import { runHandler } from './run-handler.js';
import { settledWithin } from './settled-within.js';

/** Two a store and eight stores: a store that hangs must not keep the others from being served. */
export const EMBEDDED_JOBS_UNDER_WAY = 16;
/** At most 64 MiB of jobs. */
export const EMBEDDED_JOBS_WAITING = 1_024;
/** Where so many results wait for the listener no further job begins. */
const MAX_UNDELIVERED = 64;

export interface EmbeddedQueueOptions {
  readonly handler: JobHandler;
  /** Of whatever is behind the handler; without it the queue is always ready. */
  readonly condition?: () => QueueCondition;
  readonly log: Log;
  readonly clock?: Clock;
  readonly redelivery?: BackoffOptions;
}

const READY: QueueCondition = { state: 'ready', lastError: undefined };

export class EmbeddedJobQueue implements JobQueue {
  readonly #options: EmbeddedQueueOptions;
  readonly #delivery: ResultDelivery;
  readonly #waiting: Job[] = [];
  readonly #underWay = new Set<Promise<void>>();
  /** Of the jobs that wait or are under way. */
  readonly #ids = new Set<string>();
  readonly #stop = new AbortController();

  constructor(options: EmbeddedQueueOptions) {
    this.#options = options;
    const backoff = options.redelivery;
    this.#delivery = new ResultDelivery({ log: options.log, ...(backoff === undefined ? {} : { backoff }) });
  }

  get condition(): QueueCondition {
    if (this.#stop.signal.aborted) return { state: 'unavailable', lastError: 'the queue is closed' };
    return this.#options.condition?.() ?? READY;
  }

  listen(listener: ResultListener): void {
    this.#delivery.listen(listener, () => this.#begin());
  }

  add(jobs: readonly Job[]): Promise<void> {
    const { state, lastError } = this.condition;
    if (state === 'unavailable') return Promise.reject(unavailable(lastError ?? 'it is not ready'));
    for (const job of jobs) {
      if (this.#ids.has(job.jobId)) continue;
      if (this.#waiting.length >= EMBEDDED_JOBS_WAITING) return Promise.reject(unavailable('too many jobs wait'));
      this.#ids.add(job.jobId);
      this.#waiting.push(job);
    }
    this.#begin();
    return Promise.resolve();
  }

  /** Asks the jobs under way to end at once: their results would have no listener any more. */
  async close(timeoutMs: number): Promise<void> {
    this.#stop.abort();
    this.#delivery.stop();
    this.#waiting.length = 0;
    await settledWithin(Promise.all(this.#underWay), timeoutMs);
  }

  #begin(): void {
    while (this.#underWay.size < EMBEDDED_JOBS_UNDER_WAY && this.#delivery.undelivered < MAX_UNDELIVERED) {
      const job = this.#waiting.shift();
      if (job === undefined) return;
      const doing = this.#do(job).finally(() => {
        this.#underWay.delete(doing);
        this.#begin();
      });
      this.#underWay.add(doing);
    }
  }

  async #do(job: Job): Promise<void> {
    const { handler, log, clock = systemClock } = this.#options;
    const result = await runHandler({ handler, clock, log }, job, this.#stop.signal);
    this.#ids.delete(job.jobId);
    this.#delivery.push(result);
  }
}

function unavailable(why: string): StoreError {
  return new StoreError('queue_unavailable', `The job queue takes no jobs now: ${why}.`);
}
