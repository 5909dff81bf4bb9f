/** The way to the queue on Redis. Its driver is loaded only here: a start without Redis does not pay for it. */
import type { BullQueueOptions } from './bullmq-queue.js';
import type { BullWorkerOptions } from './bullmq-worker.js';
import type { JobQueue, JobWorker } from './job-queue.js';

/** Resolves whether Redis can be reached or not; the queue's condition tells. */
export async function openBullQueue(options: BullQueueOptions): Promise<JobQueue> {
  const { BullJobQueue } = await import('./bullmq-queue.js');
  return new BullJobQueue(options);
}

/** Takes jobs from now on, and whenever Redis can be reached. */
export async function openBullWorker(options: BullWorkerOptions): Promise<JobWorker> {
  const { BullWorker } = await import('./bullmq-worker.js');
  return new BullWorker(options);
}
