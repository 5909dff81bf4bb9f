/** The port: whoever owes copies hands out jobs and gets results; whoever makes copies takes jobs and answers. */
import type { Job, JobResult } from './job.js';

/** Settles only when the result has been taken into account; a result whose listener fails is delivered again. */
export type ResultListener = (result: JobResult) => Promise<void>;

export interface QueueCondition {
  /** `unavailable`: nothing can be added or is answered now, for example because Redis is away. */
  readonly state: 'ready' | 'unavailable';
  readonly lastError: string | undefined;
}

export interface JobQueue {
  /** Delivers results, at least once each, one at a time. To be called once, before `add`. */
  listen(listener: ResultListener): void;
  /**
   * Hands out jobs. One whose id is still waiting or under way is not handed out again. Fails fast, with
   * `queue_unavailable`, where the queue cannot be reached; some of the jobs may have been handed out then.
   */
  add(jobs: readonly Job[]): Promise<void>;
  readonly condition: QueueCondition;
  /** Takes no more results; resolves within `timeoutMs` whatever the queue's server does. */
  close(timeoutMs: number): Promise<void>;
}

/** Does a job. Never rejects for what a store does: that is in the result. The signal asks it to end early, as failed. */
export type JobHandler = (job: Job, signal: AbortSignal) => Promise<JobResult>;

export interface JobWorker {
  /** Takes no more jobs, waits for those under way, ends them at the time-out. */
  close(timeoutMs: number): Promise<void>;
}
