/**
 * The queue on Redis, as whoever owes copies sees it: jobs go out on one BullMQ queue, results come back on another.
 * Nothing of it has to be kept: where Redis forgets, is full or away, what is owed stands in the catalog and is handed
 * out again. So adding never waits for Redis longer than `ADD_TIMEOUT_MS`, and says `queue_unavailable` instead.
 */
import { StoreError } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { Queue } from 'bullmq';
import type { Job as BullJob } from 'bullmq';
import assert from 'node:assert/strict';
import type { Redis } from 'ioredis';
import { CheckedWorker } from './checked-worker.js';
import { encodeJob } from './job-codec.js';
import { MAX_JOB_JSON_BYTES } from './job.js';
import type { Job, JobResult } from './job.js';
import type { JobQueue, QueueCondition, ResultListener } from './job-queue.js';
import { jobsQueueName, KEY_PREFIX, openFailingFast, reasonOf, resultsQueueName } from './redis-client.js';
import { RedisHealth } from './redis-health.js';
import { decodeResult } from './result-codec.js';
import { settledWithin } from './settled-within.js';
import { MAX_RESULT_JSON_BYTES } from './wire-limits.js';
import { WireError } from './wire-value.js';

const ADD_TIMEOUT_MS = 3_000;
/** Of one round trip; 16 MiB of jobs at most. */
const JOBS_PER_ADD = 256;
/** A result that a killed api had under way is delivered to the next one after about this. */
const RESULT_LOCK_MS = 10_000;
const RESULT_STALLED_CHECK_MS = 5_000;
/** Deliveries of one result to an api that dies under each. */
const MAX_RESULT_STALLS = 5;

export interface BullQueueOptions {
  readonly redisUrl: string;
  readonly clusterId: ClusterId;
  readonly log: Log;
  readonly addTimeoutMs?: number;
}

export class BullJobQueue implements JobQueue {
  readonly #options: BullQueueOptions;
  readonly #redis: Redis;
  readonly #health: RedisHealth;
  readonly #jobs: Queue;
  #results: CheckedWorker | undefined;

  constructor(options: BullQueueOptions) {
    this.#options = options;
    const { redisUrl, clusterId, log } = options;
    this.#redis = openFailingFast(redisUrl);
    // Whatever it says of the connection, the health says too; this only keeps an error from having no listener.
    this.#redis.on('error', () => undefined);
    this.#health = new RedisHealth({ redis: this.#redis, probeKey: `${KEY_PREFIX}:${clusterId}-probe`, log });
    this.#jobs = new Queue(jobsQueueName(clusterId), {
      connection: this.#redis,
      prefix: KEY_PREFIX,
      skipWaitingForReady: true,
      skipVersionCheck: true,
      skipMetasUpdate: true,
      // Retries are decided where the obligations are; a finished job must leave its id free.
      defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    });
    this.#jobs.on('error', (error) => log.debug({ reason: reasonOf(error) }, 'the job queue met an error'));
  }

  get condition(): QueueCondition {
    return this.#health.condition;
  }

  listen(listener: ResultListener): void {
    const { redisUrl, clusterId, log } = this.#options;
    this.#results = new CheckedWorker({
      redisUrl,
      queueName: resultsQueueName(clusterId),
      role: 'results',
      maxDataBytes: MAX_RESULT_JSON_BYTES,
      log,
      process: (job) => this.#deliver(job, listener),
      settings: {
        concurrency: 1,
        lockDuration: RESULT_LOCK_MS,
        stalledInterval: RESULT_STALLED_CHECK_MS,
        maxStalledCount: MAX_RESULT_STALLS,
      },
    });
  }

  async add(jobs: readonly Job[]): Promise<void> {
    for (let from = 0; from < jobs.length; from += JOBS_PER_ADD)
      await this.#addSome(jobs.slice(from, from + JOBS_PER_ADD));
  }

  async close(timeoutMs: number): Promise<void> {
    this.#health.stop();
    await this.#results?.close(timeoutMs);
    this.#redis.disconnect();
    void this.#jobs.close().catch(() => undefined);
  }

  async #addSome(jobs: readonly Job[]): Promise<void> {
    const adding = this.#jobs.addBulk(
      jobs.map((job) => ({ name: job.operation, data: wireForm(job), opts: { jobId: bullId(job) } })),
    );
    const outcome = await settledWithin(adding, this.#options.addTimeoutMs ?? ADD_TIMEOUT_MS);
    try {
      if (outcome === 'late') throw new Error('no answer in time');
      await adding;
    } catch (error) {
      this.#health.noteFailure(error);
      // The cause is left out: the driver's errors hold the command that failed, and with it what it was about.
      throw new StoreError('queue_unavailable', `The job queue takes no jobs now: ${reasonOf(error)}.`);
    }
  }

  /** Rejecting makes BullMQ deliver it again, as often and as late as its options say. */
  async #deliver(job: BullJob, listener: ResultListener): Promise<void> {
    let result: JobResult;
    try {
      result = decodeResult(job.data);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      this.#options.log.warn(
        { job_id: job.id ?? null, reason: error.message },
        'a result makes no sense and is dropped',
      );
      return;
    }
    try {
      await listener(result);
    } catch (error) {
      this.#options.log.warn({ job_id: result.jobId, err: error }, 'a result could not be taken into account');
      throw error;
    }
  }
}

/** BullMQ takes no integer as an id. */
const bullId = (job: Job): string => `job-${job.jobId}`;

function wireForm(job: Job): object {
  const json = encodeJob(job);
  assert(JSON.stringify(json).length <= MAX_JOB_JSON_BYTES, `job ${job.jobId} is too large for the queue`);
  return json;
}
