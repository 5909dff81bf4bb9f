/** The job queue: one port; BullMQ on Redis or a thread of this process behind it. A cache of what is owed, never its truth. */
export { EmbeddedJobQueue } from './embedded-queue.js';
export type { EmbeddedQueueOptions } from './embedded-queue.js';
export type { BullQueueOptions } from './bullmq-queue.js';
export { openBullQueue, openBullWorker } from './open-bullmq.js';
export type { BullWorkerOptions } from './bullmq-worker.js';
export { JOB_VERSION, MAX_JOB_BYTES, MAX_JOB_ITEMS, MAX_JOB_JSON_BYTES } from './job.js';
export type { ItemOutcome, ItemResult, Job, JobError, JobItem, JobOperation, JobResult } from './job.js';
export type { JobHandler, JobQueue, JobWorker, QueueCondition, ResultListener } from './job-queue.js';
export { JobThread } from './job-thread.js';
export type { JobThreadOptions } from './job-thread.js';
export { portLog, serveJobs } from './serve-jobs.js';
export type { ServeOptions } from './serve-jobs.js';
export type { FromThread, Port, ToThread } from './thread-messages.js';
