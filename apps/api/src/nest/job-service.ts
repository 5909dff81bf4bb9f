/**
 * Who does the jobs, by the settings:
 *
 *   REDIS_URL   WORKERS    jobs wait in   and are done by
 *   none        embedded   this process   a thread of it
 *   given       embedded   Redis          a thread of this process, and any process of `npm run worker`
 *   given       external   Redis          processes of `npm run worker`
 */
import type { Settings } from '#libs/config';
import { fileSystemSync, serveSyncs } from '#libs/durable-fs';
import { EmbeddedJobQueue, JobThread, openBullQueue, openBullWorker } from '#libs/job-queue';
import type { JobQueue, JobWorker } from '#libs/job-queue';
import { systemClock } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';

/** The same program that a worker process runs, without its process. */
const THREAD_PROGRAM = new URL('../../../worker/src/thread.js', import.meta.url);

/** Of Redis, at once; as many as a process of `npm run worker` takes. */
const JOBS_FROM_REDIS = 2;

export interface JobServiceOptions {
  readonly settings: Settings;
  readonly clusterId: ClusterId;
  readonly log: Log;
}

export class JobService {
  readonly queue: JobQueue;
  readonly #worker: JobWorker | undefined;
  readonly #thread: JobThread | undefined;

  private constructor(parts: { queue: JobQueue; worker?: JobWorker | undefined; thread?: JobThread | undefined }) {
    this.queue = parts.queue;
    this.#worker = parts.worker;
    this.#thread = parts.thread;
  }

  /** Resolves also where Redis is away: the queue says so, and is used when Redis is there. */
  static async open({ settings, clusterId, log }: JobServiceOptions): Promise<JobService> {
    const { redisUrl, workers } = settings;
    const thread = workers === 'embedded' ? JobService.#startThread(settings, { clusterId, log }) : undefined;
    if (redisUrl === '') return JobService.#inProcess(thread!, log);
    const queue = await openBullQueue({ redisUrl, clusterId, log });
    const taking = { redisUrl, clusterId, concurrency: JOBS_FROM_REDIS, clock: systemClock, log };
    const worker = thread === undefined ? undefined : await openBullWorker({ ...taking, handler: thread.run });
    return new JobService({ queue, worker, thread });
  }

  static #startThread(settings: Settings, { clusterId, log }: Omit<JobServiceOptions, 'settings'>): JobThread {
    const syncChannel = `holdfast-syncs-${crypto.randomUUID()}`;
    // Ends with the process: a thread may still sync when it is closed.
    serveSyncs(syncChannel, fileSystemSync);
    const workerData = { ...threadData(settings, clusterId), syncChannel };
    return new JobThread({ program: THREAD_PROGRAM, workerData, log });
  }

  static #inProcess(thread: JobThread, log: Log): JobService {
    const queue = new EmbeddedJobQueue({ handler: thread.run, condition: () => thread.condition, log });
    return new JobService({ queue, thread });
  }

  /** Ends what does jobs here; the queue is closed by whoever listens to it. */
  async close(timeoutMs: number): Promise<void> {
    await this.#worker?.close(timeoutMs);
    await this.#thread?.close(timeoutMs);
  }
}

/** What the thread needs of the settings; it is copied to it, so nothing else may be in it. */
function threadData(settings: Settings, clusterId: ClusterId) {
  const { storagePath, replicas, awsAccessKeyId, awsSecretAccessKey, awsSessionToken, awsRegion } = settings;
  return { storagePath, replicas, awsAccessKeyId, awsSecretAccessKey, awsSessionToken, awsRegion, clusterId };
}
