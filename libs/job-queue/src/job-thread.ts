/**
 * A thread of this process that does jobs, so that copies do not slow requests. Its program calls `serveJobs`. A thread
 * that dies is started again, with backoff, and what it had under way is answered as `job_interrupted`: nobody knows how
 * far it came, every step can be done twice, and whoever owes the copy hands it out again.
 */
import { backoffDelayMs, systemClock } from '#libs/kernel';
import type { BackoffOptions, Clock } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { Worker } from 'node:worker_threads';
import { failedResult } from './failed-result.js';
import type { Job, JobResult } from './job.js';
import type { JobHandler, QueueCondition } from './job-queue.js';
import { settledWithin } from './settled-within.js';
import type { FromThread, ToThread } from './thread-messages.js';

const BETWEEN_STARTS: BackoffOptions = { baseMs: 100, maxMs: 30_000 };

export interface JobThreadOptions {
  /** The thread's program. */
  readonly program: URL;
  readonly workerData: unknown;
  readonly log: Log;
  readonly clock?: Clock;
  readonly backoff?: BackoffOptions;
  /** Options of node for the thread; its parent's where absent. */
  readonly execArgv?: string[];
}

interface UnderWay {
  readonly job: Job;
  readonly startedAtMs: number;
  readonly answer: (result: JobResult) => void;
}

export class JobThread {
  readonly #options: JobThreadOptions;
  readonly #clock: Clock;
  readonly #underWay = new Map<string, UnderWay>();
  #worker: Worker | undefined;
  #restart: NodeJS.Timeout | undefined;
  #deathsInARow = 0;
  #lastError: string | undefined;
  /** A first start is trusted: jobs wait in the port. `down`: from a death to the word that its successor is ready. */
  #stage: 'starting' | 'ready' | 'down' | 'closing' = 'starting';
  #stopped = Promise.withResolvers<void>();

  constructor(options: JobThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#start();
  }

  get condition(): QueueCondition {
    const takesJobs = this.#stage === 'starting' || this.#stage === 'ready';
    return { state: takesJobs ? 'ready' : 'unavailable', lastError: this.#lastError };
  }

  /** One job of an id at a time; the same id twice would be one answer too few. */
  readonly run: JobHandler = (job, signal) => {
    const { promise, resolve } = Promise.withResolvers<JobResult>();
    const startedAtMs = this.#clock.now();
    const abort = (): void => this.#post({ kind: 'abort', jobId: job.jobId });
    const answer = (result: JobResult): void => {
      signal.removeEventListener('abort', abort);
      this.#underWay.delete(job.jobId);
      resolve(result);
    };
    this.#underWay.set(job.jobId, { job, startedAtMs, answer });
    if (this.#worker === undefined || signal.aborted) this.#interrupt(job.jobId, 'the thread was not running');
    else {
      signal.addEventListener('abort', abort, { once: true });
      this.#post({ kind: 'job', job });
    }
    return promise;
  };

  /** Ends jobs early; the thread is gone when this resolves, or shortly after the time-out. */
  async close(timeoutMs: number): Promise<void> {
    this.#stage = 'closing';
    clearTimeout(this.#restart);
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#post({ kind: 'stop' });
    await settledWithin(this.#stopped.promise, timeoutMs);
    await settledWithin(worker.terminate(), timeoutMs);
  }

  #start(): void {
    const { program, workerData, log, execArgv } = this.#options;
    const worker = new Worker(program, { workerData, ...(execArgv === undefined ? {} : { execArgv }) });
    this.#worker = worker;
    worker.on('message', (message: FromThread) => this.#onMessage(message));
    worker.on('error', (error) => {
      this.#lastError = error instanceof Error ? error.message : String(error);
      log.error({ err: error }, 'the thread that does jobs failed');
    });
    worker.on('exit', (exitCode) => this.#onExit(exitCode));
  }

  #onMessage(message: FromThread): void {
    if (message.kind === 'log') this.#options.log[message.level](message.facts, message.message);
    else if (message.kind === 'stopped') this.#stopped.resolve();
    else if (message.kind === 'ready') this.#onReady();
    else {
      // A program that starts and dies at once is no better than one that does not start: only work done is a recovery.
      this.#deathsInARow = 0;
      this.#underWay.get(message.result.jobId)?.answer(message.result);
    }
  }

  #onReady(): void {
    this.#options.log.debug({}, 'the thread that does jobs is ready');
    if (this.#stage !== 'closing') this.#stage = 'ready';
  }

  #onExit(exitCode: number): void {
    this.#worker = undefined;
    this.#stopped.resolve();
    for (const jobId of this.#underWay.keys()) this.#interrupt(jobId, 'the thread ended under it');
    if (this.#stage === 'closing') return;
    this.#stage = 'down';
    const delayMs = backoffDelayMs(this.#deathsInARow, this.#options.backoff ?? BETWEEN_STARTS, Math.random());
    this.#deathsInARow += 1;
    this.#lastError ??= `the thread ended with ${exitCode}`;
    this.#options.log.warn({ exit_code: exitCode, delay_ms: Math.round(delayMs) }, 'the thread that does jobs ended');
    this.#restart = setTimeout(() => this.#start(), delayMs);
  }

  #interrupt(jobId: string, why: string): void {
    const underWay = this.#underWay.get(jobId);
    if (underWay === undefined) return;
    const message = `The job was not done: ${why}.`;
    const { job, startedAtMs, answer } = underWay;
    answer(failedResult(job, { code: 'job_interrupted', message, startedAtMs, finishedAtMs: this.#clock.now() }));
  }

  #post(message: ToThread): void {
    this.#worker?.postMessage(message);
  }
}
