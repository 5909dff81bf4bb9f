/** A thread for tests: what a job does is in the beginning of its id. */
import { parentPort, threadId } from 'node:worker_threads';
import { serveJobs } from '../../src/serve-jobs.js';
import { failedResult } from '../../src/failed-result.js';
import type { Job, JobResult } from '../../src/job.js';
import { doneResult } from './test-jobs.js';

if (parentPort === null) throw new Error('this is the program of a thread');

serveJobs({ port: parentPort, handler: behave });

function behave(job: Job, signal: AbortSignal): Promise<JobResult> {
  if (job.jobId.startsWith('die')) process.exit(7);
  if (job.jobId.startsWith('throw')) throw new Error('a mistake');
  if (job.jobId.startsWith('spin')) for (;;);
  if (!job.jobId.startsWith('wait')) return Promise.resolve({ ...doneResult(job), durationMs: threadId });
  const { promise, resolve } = Promise.withResolvers<JobResult>();
  // Keeps a thread alive that has nothing else to do.
  const timer = setInterval(() => undefined, 1_000);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    const message = 'The job was told to end.';
    resolve(failedResult(job, { code: 'job_interrupted', message, startedAtMs: 0, finishedAtMs: 1 }));
  });
  return promise;
}
