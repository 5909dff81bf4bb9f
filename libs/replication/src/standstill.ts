/**
 * Says when nothing will come of waiting for what is owed to be carried out: the queue takes no jobs, or nobody does those
 * that it took. What is owed stays owed; whoever waits for it is told. Pure: times are arguments.
 */
import type { JobError } from '#libs/job-queue';

/** Redis is back in less where it is only restarted; it is asked half a dozen times meanwhile. */
const QUEUE_PATIENCE_MS = 30_000;
/**
 * A worker that is alive answers a first attempt by its deadline, and a job waits for no more than another one: whoever
 * says nothing of any job for so long, and for the time that the bytes in flight may take, is not there.
 */
const ANSWER_PATIENCE_MS = 4 * 60_000;
const FLOOR_BYTES_PER_MS = 4 * 1024;

export interface HandedOut {
  /** Since when every attempt to hand out jobs has failed, and how the last one did; undefined where the last one worked. */
  readonly queueFailure: { readonly sinceMs: number; readonly message: string } | undefined;
  /** Of any job, of any store. */
  readonly lastAnswerAtMs: number | undefined;
  readonly bytesInFlight: number;
}

/** `sinceMs`: when the wait began; what was before is no news of how it is now. */
export function standstillOf(
  { queueFailure, lastAnswerAtMs = 0, bytesInFlight }: HandedOut,
  { sinceMs, nowMs }: { readonly sinceMs: number; readonly nowMs: number },
): JobError | undefined {
  if (queueFailure !== undefined && nowMs - Math.max(sinceMs, queueFailure.sinceMs) >= QUEUE_PATIENCE_MS) {
    return { code: 'queue_unavailable', message: `Nothing is carried out: ${queueFailure.message}` };
  }
  const silentMs = nowMs - Math.max(sinceMs, lastAnswerAtMs);
  if (silentMs < ANSWER_PATIENCE_MS + bytesInFlight / FLOOR_BYTES_PER_MS) return undefined;
  const minutes = Math.floor(silentMs / 60_000);
  return {
    code: 'job_overdue',
    message: `Nothing is carried out: for ${minutes} minutes no worker has answered. Does one run, with these settings?`,
  };
}
