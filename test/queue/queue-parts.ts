/** A queue on a real Redis with workers that do nothing but answer, for the tests of this folder. */
import { newUuid, systemClock } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { openBullQueue, openBullWorker } from '#libs/job-queue';
import type { BullQueueOptions, BullWorkerOptions, JobQueue, JobResult, JobWorker } from '#libs/job-queue';
import { doneResult } from '#libs/job-queue/testing';
import type { Log, LogFacts } from '#libs/telemetry';
import { onTestFinished, vi } from 'vitest';

/** Time for a stalled job to be found, with the locks below. */
export const PATIENCE = { timeout: 60_000, interval: 50 };
const CLOSE_MS = 2_000;

export class LogLines implements Log {
  readonly lines: string[] = [];
  readonly debug = this.#write('debug');
  readonly info = this.#write('info');
  readonly warn = this.#write('warn');
  readonly error = this.#write('error');

  count(part: string): number {
    return this.lines.filter((line) => line.includes(part)).length;
  }

  #write(level: string) {
    // As pino would: an error with all that hangs on it.
    return (facts: LogFacts, message: string): void => {
      const { err } = facts;
      const text = err instanceof Error ? `${String(err.stack)} ${JSON.stringify(err)}` : '';
      this.lines.push(`${level} ${message} ${JSON.stringify(facts)} ${text}`);
    };
  }
}

export class TestQueue {
  readonly clusterId: ClusterId;
  readonly log = new LogLines();
  readonly results: JobResult[] = [];
  readonly redisUrl: string;
  #queue: JobQueue | undefined;

  constructor(redisUrl: string, clusterId = newUuid<ClusterId>()) {
    this.redisUrl = redisUrl;
    this.clusterId = clusterId;
  }

  get queue(): JobQueue {
    if (this.#queue === undefined) throw new Error('the queue was not opened');
    return this.#queue;
  }

  /** `listener` sees each result before it is kept, and may refuse it. */
  async open(
    listener: (result: JobResult) => Promise<void> = () => Promise.resolve(),
    options: Partial<BullQueueOptions> = {},
  ): Promise<void> {
    const { redisUrl, clusterId, log } = this;
    const queue = await openBullQueue({ redisUrl, clusterId, log, addTimeoutMs: 1_000, ...options });
    onTestFinished(() => queue.close(CLOSE_MS));
    queue.listen(async (result) => {
      await listener(result);
      this.results.push(result);
    });
    this.#queue = queue;
  }

  async work(options: Partial<BullWorkerOptions> = {}): Promise<JobWorker> {
    const { redisUrl, clusterId, log } = this;
    const handler: BullWorkerOptions['handler'] = (job) => Promise.resolve(doneResult(job));
    const given = { redisUrl, clusterId, handler, concurrency: 2, clock: systemClock, log };
    const worker = await openBullWorker({ ...given, lockMs: 2_000, stalledCheckMs: 500, ...options });
    onTestFinished(() => worker.close(CLOSE_MS));
    return worker;
  }

  async ready(): Promise<void> {
    await this.#until(() => this.queue.condition.state === 'ready');
  }

  /** Resolves when the queue is unavailable, and the reason has this part. */
  async unavailable(part: string): Promise<void> {
    await this.#until(() => {
      const { state, lastError = '' } = this.queue.condition;
      return state === 'unavailable' && lastError.includes(part);
    });
  }

  /** Results can come twice. */
  get answeredIds(): ReadonlySet<string> {
    return new Set(this.results.map(({ jobId }) => jobId));
  }

  /** Resolves with the ids when there are so many. */
  async answered(count: number): Promise<ReadonlySet<string>> {
    await this.#until(() => this.answeredIds.size >= count);
    return this.answeredIds;
  }

  async #until(holds: () => boolean): Promise<void> {
    const { state, lastError } = this.queue.condition;
    await vi.waitFor(() => {
      if (!holds()) throw new Error(`the queue is ${state} (${lastError}), ${this.answeredIds.size} jobs are answered`);
    }, PATIENCE);
  }
}
