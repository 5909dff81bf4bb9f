/**
 * What a worker says of itself: a line a minute while it does something, and one when a store begins or ceases to fail.
 * A line for every job would be a line for every few files.
 */
import type { Job, JobHandler, JobResult } from '#libs/job-queue';
import type { Log } from '#libs/telemetry';

const BETWEEN_LINES_MS = 60_000;

export class JobReport {
  readonly #log: Log;
  /** Of stores that failed a job and have not done one since: what they said. */
  readonly #failing = new Map<string, string>();
  #jobs = 0;
  #items = 0;
  #failedItems = 0;
  #reportedJobs = 0;
  #underWay = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** The handler, watched. */
  of(handler: JobHandler): JobHandler {
    return async (job, signal) => {
      this.#underWay += 1;
      try {
        const result = await handler(job, signal);
        this.#note(job, result);
        return result;
      } finally {
        this.#underWay -= 1;
      }
    };
  }

  start(): void {
    this.#timer = setInterval(() => this.#say(), BETWEEN_LINES_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#say();
  }

  #note(job: Job, { items, storeError, durationMs }: JobResult): void {
    const failed = items.filter(({ outcome }) => outcome === 'failed').length;
    this.#jobs += 1;
    this.#items += items.length;
    this.#failedItems += failed;
    const facts = {
      job_id: job.jobId,
      op: job.operation,
      items: items.length,
      failed,
      duration_ms: Math.round(durationMs),
    };
    this.#log.debug(facts, 'job done');
    if (storeError !== undefined) this.#noteFailing(storeError);
    else if (failed < items.length && this.#failing.delete(job.targetId)) {
      this.#log.info({ store_id: job.targetId }, 'the store takes copies again');
    }
  }

  #noteFailing({ storeId, code, message }: NonNullable<JobResult['storeError']>): void {
    if (this.#failing.get(storeId) === code) return;
    this.#failing.set(storeId, code);
    this.#log.warn({ store_id: storeId, code, reason: message }, 'a store failed a job');
  }

  #say(): void {
    if (this.#jobs === this.#reportedJobs) return;
    this.#reportedJobs = this.#jobs;
    const counts = { jobs: this.#jobs, items: this.#items, failed_items: this.#failedItems };
    this.#log.info({ ...counts, under_way: this.#underWay }, 'jobs since the start');
  }
}
