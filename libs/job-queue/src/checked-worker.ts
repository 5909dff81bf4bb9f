/**
 * BullMQ's worker, made safe against what it takes from Redis and against a Redis that refuses. The data of a job is
 * looked at before it is parsed: a text that is no JSON would otherwise be thrown back into the queue for ever, and one
 * without end would be parsed whole. After a refusal (full, read-only) it pauses, because BullMQ asks again at once.
 */
import { backoffDelayMs } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { UnrecoverableError, Worker } from 'bullmq';
import type { Job as BullJob, JobJson, WorkerOptions } from 'bullmq';
import { setTimeout as sleep } from 'node:timers/promises';
import { isRefusal, KEY_PREFIX, logConnection, PatientRedis, reasonOf } from './redis-client.js';
import { settledWithin } from './settled-within.js';

const BETWEEN_PAUSES = { baseMs: 500, maxMs: 15_000 };
/** A worker that did not fail for so long begins its backoff anew. */
const CALM_MS = 30_000;
/** How long Redis may take to hear of the last job's end. */
const FAREWELL_MS = 500;

/** In place of data that cannot be used. */
export const UNUSABLE = 'unusable';

export interface CheckedWorkerOptions {
  readonly redisUrl: string;
  readonly queueName: string;
  readonly role: string;
  readonly maxDataBytes: number;
  readonly log: Log;
  readonly process: (job: BullJob, token: string | undefined) => Promise<void>;
  readonly settings: Omit<WorkerOptions, 'connection' | 'prefix' | 'autorun'>;
}

export class CheckedWorker {
  readonly #redis: PatientRedis;
  readonly #worker: SizedWorker;
  readonly #log: Log;
  readonly #role: string;
  #pause: NodeJS.Timeout | undefined;
  #pausesInARow = 0;
  #lastErrorAtMs = 0;
  readonly #underWay = new Set<Promise<void>>();
  #closing = false;

  constructor({ redisUrl, queueName, role, maxDataBytes, log, process, settings }: CheckedWorkerOptions) {
    this.#log = log;
    this.#role = role;
    this.#redis = new PatientRedis(redisUrl);
    logConnection(this.#redis, log, role);
    const options = { ...settings, connection: this.#redis, prefix: KEY_PREFIX, skipVersionCheck: true };
    this.#worker = new SizedWorker(queueName, (job, token) => this.#track(process(job, token)), {
      ...options,
      maxDataBytes,
    });
    this.#worker.on('error', (error) => this.#onError(error));
    this.#worker.on('stalled', (jobId) => log.warn({ role, job_id: jobId }, 'a job lost its worker and is run again'));
    this.#worker.on('failed', (job, error) => this.#onFailed(job, error));
  }

  /** Takes no more, waits for what is under way. Its connections are closed however Redis behaves. */
  async close(timeoutMs: number): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#pause);
    // BullMQ waits for Redis too, which may be away; nobody is waited for but the jobs.
    const idle = Promise.all(this.#underWay).then(() => sleep(FAREWELL_MS));
    await settledWithin(Promise.race([this.#worker.close(), idle]), timeoutMs);
    this.#redis.disconnectAll();
  }

  async #track(processing: Promise<void>): Promise<void> {
    this.#underWay.add(processing);
    try {
      await processing;
    } finally {
      this.#underWay.delete(processing);
    }
  }

  #onFailed(job: BullJob | undefined, error: Error): void {
    const attempts = job?.opts.attempts ?? 1;
    if (!(error instanceof UnrecoverableError) && (job?.attemptsMade ?? 0) < attempts) return;
    const facts = { role: this.#role, job_id: job?.id ?? null, reason: reasonOf(error) };
    this.#log.warn(facts, 'the queue gave up a job');
  }

  /** Connection errors are told by `logConnection`, once. */
  #onError(error: unknown): void {
    if (this.#closing) return;
    if (!isRefusal(error)) {
      this.#log.debug({ role: this.#role, reason: reasonOf(error) }, 'a queue worker met an error');
      return;
    }
    if (this.#pause !== undefined) return;
    const now = performance.now();
    if (now - this.#lastErrorAtMs > CALM_MS) this.#pausesInARow = 0;
    this.#lastErrorAtMs = now;
    const delayMs = backoffDelayMs(this.#pausesInARow, BETWEEN_PAUSES, Math.random());
    if (this.#pausesInARow === 0) {
      this.#log.warn({ role: this.#role, reason: reasonOf(error) }, 'Redis refuses; trying again');
    }
    this.#pausesInARow += 1;
    this.#pauseFor(delayMs);
  }

  #pauseFor(delayMs: number): void {
    // `true`: what is under way goes on. The worker is paused when this returns; what follows needs no Redis.
    void this.#worker.pause(true).catch(() => undefined);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      void this.#worker.resume().catch(() => undefined);
    }, delayMs);
  }
}

class SizedWorker extends Worker {
  readonly #maxDataBytes: number;

  constructor(
    queueName: string,
    process: (job: BullJob, token: string | undefined) => Promise<void>,
    { maxDataBytes, ...options }: WorkerOptions & { maxDataBytes: number },
  ) {
    super(queueName, (job, token) => process(job, token), options);
    this.#maxDataBytes = maxDataBytes;
  }

  protected override createJob(data: JobJson, jobId: string): BullJob {
    return super.createJob(this.#isUsable(data.data) ? data : { ...data, data: JSON.stringify(UNUSABLE) }, jobId);
  }

  #isUsable(text: unknown): boolean {
    if (typeof text !== 'string' || text.length > this.#maxDataBytes) return false;
    try {
      JSON.parse(text);
      return true;
    } catch {
      return false;
    }
  }
}
