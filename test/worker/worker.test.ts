/** `npm run worker`: how it starts, waits, takes jobs, refuses and stops. */
import { JobThread } from '#libs/job-queue';
import { testJob } from '#libs/job-queue/testing';
import { newUuid } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { TestQueue } from '../queue/queue-parts.js';
import { startServer } from '../server/harness.js';
import { makeInstallation } from '../server/installation.js';
import type { Environment, Installation } from '../server/installation.js';
import { reasonWithoutRedis, RedisService, startRedis } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { WorkerProcess } from './worker-process.js';

const THREAD = pathToFileURL(join(import.meta.dirname, '../../dist/apps/worker/src/thread.js'));

/** An installation that a server has made and left. */
async function madeInstallation(settings: Environment = {}): Promise<Installation> {
  const server = await startServer(settings);
  await server.process.stop();
  return server.installation;
}

async function emptyInstallation(): Promise<Installation> {
  const installation = await makeInstallation();
  onTestFinished(() => installation.remove());
  return installation;
}

describe('a worker', () => {
  it('without Redis is refused, and told what it lacks', async () => {
    const { environment } = await emptyInstallation();
    const worker = new WorkerProcess(environment);
    expect(await worker.exited).toEqual({ code: 2, signal: null });
    expect(worker.stderr).toMatch(/^holdfast: REDIS_URL=: [^\n]+\n$/);
    expect(worker.lines().at(-1)).toMatchObject({ level: 'fatal', code: 'setting_invalid', setting: 'REDIS_URL' });
  });

  it('on a replica in place of the primary is refused', async () => {
    const { environment, directory, primary } = await madeInstallation();
    const settings = { ...environment, STORAGE_PATH: join(directory, 'replica1'), REPLICAS: `other=${primary}` };
    const worker = new WorkerProcess({ ...settings, REDIS_URL: 'redis://127.0.0.1:1' });
    expect(await worker.exited).toEqual({ code: 4, signal: null });
    expect(worker.lines().at(-1)).toMatchObject({ code: 'store_mismatch' });
  });

  it('waits for a primary that is not there, and can be stopped while it does', async () => {
    const { environment } = await emptyInstallation();
    const worker = new WorkerProcess({ ...environment, REDIS_URL: 'redis://127.0.0.1:1' });
    await worker.says('there is no primary yet; waiting for the server to make it');
    expect(await worker.stop()).toEqual({ code: 130, signal: null });
  });

  it('never makes a store where none is', async () => {
    const { environment, directory, primary } = await madeInstallation();
    const away = join(directory, 'away');
    await rename(primary, away);
    const worker = new WorkerProcess({ ...environment, REDIS_URL: 'redis://127.0.0.1:1' });
    await worker.says('there is no primary yet; waiting for the server to make it');
    await rename(away, primary);
    expect(await worker.says('taking jobs')).toMatchObject({ level: 'info' });
  });

  it('stops in order although Redis has never been there', async () => {
    const { environment } = await madeInstallation();
    const worker = new WorkerProcess({ ...environment, REDIS_URL: 'redis://:hunter2@127.0.0.1:1' });
    await worker.says('taking jobs');
    await worker.says('Redis cannot be reached; trying again');
    expect(await worker.stop('SIGINT')).toEqual({ code: 0, signal: null });
    expect(worker.lines().at(-1)).toMatchObject({ msg: 'stopped', outcome: 'clean' });
    expect(worker.stdout.join('\n') + worker.stderr).not.toContain('hunter2');
  });
});

const reason = reasonWithoutRedis();

describe.skipIf(reason !== undefined)(`a worker and Redis${whySkipped(reason)}`, () => {
  it('takes the jobs of its own installation, answers them, and stops in order', async () => {
    const redis = await startRedis();
    const { environment } = await madeInstallation();
    const worker = new WorkerProcess({ ...environment, REDIS_URL: redis.url, LOG_LEVEL: 'debug' });
    const { cluster_id: clusterId } = await worker.says('taking jobs');
    const parts = new TestQueue(redis.url, clusterId as ClusterId);
    await parts.open();
    await parts.ready();
    const job = testJob('job', parts);
    await parts.queue.add([job]);
    await parts.answered(1);
    // The stores that it names are nobody's.
    expect(parts.results[0]!.items.map(({ fileId, outcome }) => [fileId, outcome])).toEqual(
      job.items.map(({ fileId }) => [fileId, 'failed']),
    );
    expect(await worker.stop()).toEqual({ code: 0, signal: null });
    expect(worker.lines().at(-1)).toMatchObject({ msg: 'stopped', outcome: 'clean' });
    expect(await worker.says('jobs since the start')).toMatchObject({ jobs: 1, items: 2, under_way: 0 });
  });

  it('that starts before Redis takes jobs when it is there', async () => {
    const redis = await RedisService.make();
    onTestFinished(() => redis.remove());
    const { environment } = await madeInstallation();
    const worker = new WorkerProcess({ ...environment, REDIS_URL: redis.url });
    const { cluster_id: clusterId } = await worker.says('taking jobs');
    await worker.says('Redis cannot be reached; trying again');
    await redis.start();
    await worker.says('Redis is back');
    const parts = new TestQueue(redis.url, clusterId as ClusterId);
    await parts.open();
    await parts.ready();
    await parts.queue.add([testJob('job', parts)]);
    expect([...(await parts.answered(1))]).toEqual(['job']);
  });
});

it('the thread of the server answers jobs, from the build', async () => {
  const { primary } = await madeInstallation();
  const clusterId = newUuid<ClusterId>();
  const thread = new JobThread({
    program: THREAD,
    workerData: { storagePath: primary, replicas: [], clusterId, syncChannel: 'nobody-syncs' },
    log: silentLog,
    execArgv: [],
  });
  onTestFinished(() => thread.close(5_000));
  const { items } = await thread.run(testJob('job', { clusterId }), new AbortController().signal);
  expect(items.map(({ outcome }) => outcome)).toEqual(['failed', 'failed']);
  expect(items.map(({ error }) => error?.code)).not.toContain('job_interrupted');
});
