/**
 * A handler never rejects for what a store does. Where one rejects all the same it is our mistake, and it is answered like
 * a failure, because a job without an answer would look to its sender like one that is still under way.
 */
import type { Clock } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { failedResult } from './failed-result.js';
import type { Job, JobResult } from './job.js';
import type { JobHandler } from './job-queue.js';

export interface HandlerContext {
  readonly handler: JobHandler;
  readonly clock: Clock;
  readonly log: Log;
}

export async function runHandler(
  { handler, clock, log }: HandlerContext,
  job: Job,
  signal: AbortSignal,
): Promise<JobResult> {
  const startedAtMs = clock.now();
  try {
    return await handler(job, signal);
  } catch (error) {
    log.error({ job_id: job.jobId, err: error }, 'a job failed by a mistake in the program');
    const message = 'The worker made a mistake; its log has the cause.';
    return failedResult(job, { code: 'internal', message, startedAtMs, finishedAtMs: clock.now() });
  }
}
