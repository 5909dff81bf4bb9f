/** The result of a job of which nothing is known to be done: every item failed, for the one reason. */
import type { ErrorCode } from '#libs/kernel';
import type { Job, JobResult } from './job.js';

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly startedAtMs: number;
  readonly finishedAtMs: number;
}

export function failedResult(job: Job, { code, message, startedAtMs, finishedAtMs }: Failure): JobResult {
  const { jobId, catalogId, operation, sourceId, targetId } = job;
  const error = { code, message };
  return {
    jobId,
    catalogId,
    operation,
    sourceId,
    targetId,
    items: job.items.map(({ fileId, generation }) => ({ fileId, generation, outcome: 'failed', error })),
    finishedAtMs,
    durationMs: Math.max(0, finishedAtMs - startedAtMs),
  };
}
