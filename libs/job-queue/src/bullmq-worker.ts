/**
 * The queue on Redis, as whoever makes copies sees it. A job is taken under a lock that is renewed while it runs; a worker
 * that is killed, or stopped for longer than the lock, loses the job to another. The result is in Redis before the job is
 * taken off its queue: at least once, then, and the order of the two is what makes it so.
 */
import { backoffDelayMs } from '#libs/kernel';
import type { Clock, ClusterId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { DelayedError, Queue } from 'bullmq';
import type { Job as BullJob } from 'bullmq';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { CheckedWorker } from './checked-worker.js';
import { decodeJob, isFromLaterVersion } from './job-codec.js';
import { MAX_JOB_JSON_BYTES } from './job.js';
import type { Job, JobResult } from './job.js';
import type { JobHandler, JobWorker } from './job-queue.js';
import {
  jobsQueueName,
  KEY_PREFIX,
  logConnection,
  openFailingFast,
  reasonOf,
  resultsQueueName,
} from './redis-client.js';
import { encodeResult } from './result-codec.js';
import { runHandler } from './run-handler.js';
import { settledWithin } from './settled-within.js';
import { WireError } from './wire-value.js';

/** Without a renewal for so long a job is another worker's. */
const LOCK_MS = 15_000;
const STALLED_CHECK_MS = 5_000;
/** A job that took so many workers with it is left to the deadline of whoever sent it. */
const MAX_STALLS = 3;
/** How long a job of a later version waits for a worker that knows it, each time; and when it is given up. */
const FUTURE_DELAY_MS = 5_000;
const FUTURE_PATIENCE_MS = 10 * 60 * 1_000;
/** How long a result is tried to be handed in; then the job is overdue, and done again. */
const RESULT_PATIENCE_MS = 60_000;
const RESULT_TIMEOUT_MS = 3_000;
const BETWEEN_TRIES = { baseMs: 200, maxMs: 5_000 };
/** For jobs that were told to end: to say so. */
const AFTER_ABORT_MS = 2_000;

export interface BullWorkerOptions {
  readonly redisUrl: string;
  readonly clusterId: ClusterId;
  readonly handler: JobHandler;
  /** Jobs at the same time. */
  readonly concurrency: number;
  readonly clock: Clock;
  readonly log: Log;
  readonly lockMs?: number;
  readonly stalledCheckMs?: number;
  readonly resultPatienceMs?: number;
}

export class BullWorker implements JobWorker {
  readonly #options: BullWorkerOptions;
  readonly #redis: Redis;
  readonly #results: Queue;
  readonly #worker: CheckedWorker;
  readonly #abort = new AbortController();

  constructor(options: BullWorkerOptions) {
    this.#options = options;
    const { redisUrl, clusterId, concurrency, log, lockMs = LOCK_MS, stalledCheckMs = STALLED_CHECK_MS } = options;
    this.#redis = openFailingFast(redisUrl);
    logConnection(this.#redis, log, 'results');
    this.#results = new Queue(resultsQueueName(clusterId), {
      connection: this.#redis,
      prefix: KEY_PREFIX,
      skipWaitingForReady: true,
      skipVersionCheck: true,
      skipMetasUpdate: true,
      // What the listener refuses is delivered again, for about two minutes.
      defaultJobOptions: {
        attempts: 8,
        backoff: { type: 'exponential', delay: 1_000, jitter: 0.5 },
        removeOnComplete: true,
        removeOnFail: true,
      },
    });
    this.#results.on('error', (error) => log.debug({ reason: reasonOf(error) }, 'the results queue met an error'));
    this.#worker = new CheckedWorker({
      redisUrl,
      queueName: jobsQueueName(clusterId),
      role: 'jobs',
      maxDataBytes: MAX_JOB_JSON_BYTES,
      log,
      process: (job, token) => this.#process(job, token),
      settings: { concurrency, lockDuration: lockMs, stalledInterval: stalledCheckMs, maxStalledCount: MAX_STALLS },
    });
  }

  async close(timeoutMs: number): Promise<void> {
    const closing = this.#worker.close(timeoutMs + AFTER_ABORT_MS);
    if ((await settledWithin(closing, timeoutMs)) === 'late') this.#abort.abort();
    await closing;
    this.#abort.abort();
    this.#redis.disconnect();
    void this.#results.close().catch(() => undefined);
  }

  async #process(bullJob: BullJob, token: string | undefined): Promise<void> {
    const { handler, clock, log, clusterId } = this.#options;
    if (isFromLaterVersion(bullJob.data)) return this.#leaveAlone(bullJob, token);
    let job: Job;
    try {
      job = decodeJob(bullJob.data, clusterId);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      log.warn({ job_id: bullJob.id ?? null, reason: error.message }, 'a job makes no sense and is dropped');
      return;
    }
    await this.#handIn(await runHandler({ handler, clock, log }, job, this.#abort.signal));
  }

  /** Back into the queue, for a worker of that version. */
  async #leaveAlone(bullJob: BullJob, token: string | undefined): Promise<void> {
    const { clock, log } = this.#options;
    if (clock.now() - bullJob.timestamp > FUTURE_PATIENCE_MS) {
      log.warn({ job_id: bullJob.id ?? null }, 'a job of a later version found no worker and is dropped');
      return;
    }
    log.warn({ job_id: bullJob.id ?? null }, 'a job of a later version is left to a worker that knows it');
    await bullJob.moveToDelayed(clock.now() + FUTURE_DELAY_MS, token);
    throw new DelayedError();
  }

  /** One id for all tries, so that a try whose answer was lost adds nothing. */
  async #handIn(result: JobResult): Promise<void> {
    const { log, resultPatienceMs = RESULT_PATIENCE_MS } = this.#options;
    const jobId = `result-${randomUUID()}`;
    const until = performance.now() + resultPatienceMs;
    for (let attempt = 0; ; attempt++) {
      const reason = await this.#tryToHandIn(jobId, result);
      if (reason === undefined) return;
      if (performance.now() >= until || this.#abort.signal.aborted) {
        log.warn({ job_id: result.jobId, reason }, 'a result could not be handed in; the job will be done again');
        return;
      }
      const delayMs = backoffDelayMs(attempt, BETWEEN_TRIES, Math.random());
      await sleep(delayMs, undefined, { signal: this.#abort.signal }).catch(() => undefined);
    }
  }

  /** The reason why not, or undefined. */
  async #tryToHandIn(jobId: string, result: JobResult): Promise<string | undefined> {
    const adding = this.#results.add(result.operation, encodeResult(result), { jobId });
    if ((await settledWithin(adding, RESULT_TIMEOUT_MS)) === 'late') return 'no answer in time';
    try {
      await adding;
      return undefined;
    } catch (error) {
      return reasonOf(error);
    }
  }
}
