/**
 * The life of a worker process: settings → whose stores these are → jobs → signal → stop. It has the stores and Redis and
 * nothing else: neither log nor catalog, and no state of its own, so any number of them may run, come and go.
 */
import { findPackage, parseSettings } from '#libs/config';
import type { Settings } from '#libs/config';
import { fileSystemSync } from '#libs/durable-fs';
import { openBullWorker } from '#libs/job-queue';
import type { JobWorker } from '#libs/job-queue';
import { EXIT, StoreError, systemClock } from '#libs/kernel';
import { Interrupted, openProcessLog, refuse, runStopPhases, watchStopSignals } from '#libs/process';
import type { ProcessLog } from '#libs/process';
import { findInstallation } from './installation.js';
import { JobReport } from './job-report.js';
import { jobHandler, placesOf } from './job-handler.js';
import { tellingLostWrites } from './lost-writes.js';

/** Jobs at the same time; more workers are more jobs, on other machines too. */
const JOBS_AT_ONCE = 2;
/** Jobs still under way after this are told to end; what they leave undone is handed out again. */
const DRAIN_MS = 10_000;
/** For the jobs that were told to end. */
const AFTER_DRAIN_MS = 4_000;

/** Runs until it is told to stop, then ends the process. */
export async function run(): Promise<never> {
  let processLog: ProcessLog | undefined;
  try {
    const ownPackage = findPackage(import.meta.dirname);
    const settings = parseSettings(process.env, ownPackage.root);
    processLog = openProcessLog(settings.logLevel);
    return await live(settings, processLog);
  } catch (error) {
    refuse(error, processLog ?? openProcessLog('info'));
  }
}

async function live(settings: Settings, processLog: ProcessLog): Promise<never> {
  const { log, flush } = processLog;
  process.on('uncaughtException', (error) => refuse(error, processLog));
  const signals = watchStopSignals(process, () => performance.now());
  void signals.force.then((signal) => {
    log.warn({ signal }, 'ended before the stop was done; the jobs under way are done again');
    flush();
    process.exit(EXIT.interrupted);
  });
  if (settings.redisUrl === '') throw withoutRedis();
  const interrupted = signals.stop.then((): never => {
    throw new Interrupted('stopped before it took a job');
  });
  const places = placesOf(settings);
  const clusterId = await Promise.race([findInstallation(places.primary, log), interrupted]);
  const report = new JobReport(log);
  const { redisUrl, storagePath: primaryPath } = settings;
  const handler = report.of(
    tellingLostWrites(jobHandler({ places, clusterId }), { syncs: fileSystemSync, primaryPath }),
  );
  const worker = await openBullWorker({
    redisUrl,
    clusterId,
    handler,
    concurrency: JOBS_AT_ONCE,
    clock: systemClock,
    log,
  });
  log.info({ cluster_id: clusterId, pid: process.pid, jobs_at_once: JOBS_AT_ONCE }, 'taking jobs');
  // Whoever started the worker waits for this line.
  flush();
  report.start();
  log.info({ signal: await signals.stop }, 'stopping');
  return stop(worker, report, processLog);
}

async function stop(worker: JobWorker, report: JobReport, { log, flush }: ProcessLog): Promise<never> {
  const outcome = await runStopPhases(
    [
      { name: 'drain_jobs', timeoutMs: DRAIN_MS + AFTER_DRAIN_MS, run: () => worker.close(DRAIN_MS) },
      { name: 'last_report', timeoutMs: 1_000, run: () => report.stop() },
      { name: 'flush_logs', timeoutMs: 1_000, run: flush },
    ],
    log,
  );
  log.info({ outcome }, 'stopped');
  flush();
  process.exit(outcome === 'clean' ? EXIT.done : EXIT.failed);
}

function withoutRedis(): StoreError {
  return new StoreError(
    'setting_invalid',
    'REDIS_URL=: a worker gets its jobs from Redis, and none is set; for example REDIS_URL=redis://127.0.0.1:6379',
    { context: { setting: 'REDIS_URL', settings: 'REDIS_URL' } },
  );
}
