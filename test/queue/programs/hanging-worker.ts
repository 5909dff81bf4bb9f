/** A worker whose jobs never end, so that it can be killed in the middle of one. Says on stdout what it has taken. */
import { systemClock } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { openBullWorker } from '#libs/job-queue';
import { silentLog } from '#libs/telemetry';

const [redisUrl = '', clusterId = ''] = process.argv.slice(2);

await openBullWorker({
  redisUrl,
  clusterId: clusterId as ClusterId,
  handler: (job) => {
    process.stdout.write(`${job.jobId}\n`);
    return new Promise(() => undefined);
  },
  concurrency: 1,
  clock: systemClock,
  log: silentLog,
  lockMs: 2_000,
  stalledCheckMs: 500,
});
