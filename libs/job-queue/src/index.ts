/** The job queue: one port; BullMQ on Redis or a thread of this process behind it. A cache of what is owed, never its truth. */
export { JOB_VERSION, MAX_JOB_BYTES, MAX_JOB_ITEMS, MAX_JOB_JSON_BYTES } from './job.js';
export type { ItemOutcome, ItemResult, Job, JobError, JobItem, JobOperation, JobResult } from './job.js';
export type { JobHandler, JobQueue, JobWorker, QueueCondition, ResultListener } from './job-queue.js';
