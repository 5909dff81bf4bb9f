/** The queue on a Redis that behaves, and on jobs that do not. */
import { StoreError } from '#libs/kernel';
import type { JobResult } from '#libs/job-queue';
import { doneResult, testJob } from '#libs/job-queue/testing';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { reasonWithoutRedis, RedisService } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { PATIENCE, TestQueue } from './queue-parts.js';

const reason = reasonWithoutRedis();
const PROGRAM = resolve(import.meta.dirname, 'programs/hanging-worker.ts');
const ROOT = resolve(import.meta.dirname, '../..');
const NODE = ['--experimental-strip-types', '--conditions=source', '--import', './scripts/resolve-typescript.mjs'];

describe.skipIf(reason !== undefined)(`a queue on Redis${whySkipped(reason)}`, () => {
  let redis: RedisService;

  beforeAll(async () => {
    redis = await RedisService.make();
    await redis.start();
  });
  afterAll(() => redis.remove());

  async function openQueue(listener?: (result: JobResult) => Promise<void>): Promise<TestQueue> {
    const parts = new TestQueue(redis.url);
    await parts.open(listener);
    await parts.ready();
    return parts;
  }

  const keyOf = (parts: TestQueue, jobId: string): string => `holdfast:${parts.clusterId}-jobs:job-${jobId}`;
  const keys = (parts: TestQueue): Promise<unknown> => redis.command('KEYS', `*${parts.clusterId}-*:job-*`);

  it('has every job done once by two workers, and keeps nothing of it', async () => {
    const parts = await openQueue();
    const done: string[] = [];
    for (const name of ['one', 'two']) {
      await parts.work({
        handler: (job) => Promise.resolve(void done.push(`${name} ${job.jobId}`)).then(() => doneResult(job)),
      });
    }
    await parts.queue.add(Array.from({ length: 300 }, (_, index) => testJob(`job${index}`, parts)));
    await parts.answered(300);
    expect(done).toHaveLength(300);
    expect(parts.results).toHaveLength(300);
    await vi.waitFor(async () => expect(await keys(parts)).toEqual([]), PATIENCE);
  });

  it('tells results as they were given', async () => {
    const parts = await openQueue();
    const job = testJob('7', parts);
    await parts.work();
    await parts.queue.add([job]);
    await parts.answered(1);
    expect(parts.results).toEqual([doneResult(job)]);
  });

  it('does not hand out an id again that waits, and does so after its end', async () => {
    const parts = await openQueue();
    const job = testJob('again', parts);
    await parts.queue.add([job, job]);
    await parts.queue.add([job]);
    await parts.work();
    await parts.queue.add([testJob('last', parts)]);
    await parts.answered(2);
    expect(parts.results).toHaveLength(2);
    await vi.waitFor(async () => {
      await parts.queue.add([job]);
      expect(parts.results).toHaveLength(3);
    }, PATIENCE);
  });

  it('delivers a result again whose listener failed', async () => {
    let deliveries = 0;
    const parts = await openQueue(() => (++deliveries < 3 ? Promise.reject(new Error('busy')) : Promise.resolve()));
    await parts.work();
    await parts.queue.add([testJob('job', parts)]);
    await parts.answered(1);
    expect(deliveries).toBe(3);
  });

  it('gives a job of another installation to nobody', async () => {
    const parts = await openQueue();
    const other = await openQueue();
    await other.work();
    await parts.queue.add([testJob('ours', parts)]);
    await other.queue.add([testJob('theirs', other)]);
    await other.answered(1);
    expect(parts.results).toEqual([]);
  });

  it.each<[what: string, spoil: (data: string) => string]>([
    ['no JSON', (data) => data.slice(0, -1)],
    ['no job', () => '"hello"'],
    ['larger than any job', (data) => JSON.stringify({ ...(JSON.parse(data) as object), pad: 'x'.repeat(100_000) })],
    ['for a path', (data) => data.replace(/"target_id":"[^"]*"/, '"target_id":"../../etc"')],
    ['nothing at all', () => ''],
  ])('drops a job that is %s, and goes on', async (_, spoil) => {
    const parts = await openQueue();
    await parts.queue.add([testJob('bad', parts)]);
    const data = String(await redis.command('HGET', keyOf(parts, 'bad'), 'data'));
    await redis.command('HSET', keyOf(parts, 'bad'), 'data', spoil(data));
    await parts.queue.add([testJob('good', parts)]);
    await parts.work({ concurrency: 1 });
    await parts.answered(1);
    expect(parts.results[0]!.jobId).toBe('good');
    expect(parts.log.count('a job makes no sense')).toBe(1);
    await vi.waitFor(async () => expect(await keys(parts)).toEqual([]), PATIENCE);
  });

  it('leaves a job of a later version in the queue, for a worker that knows it', async () => {
    const parts = await openQueue();
    await parts.queue.add([testJob('future', parts)]);
    await redis.command('HSET', keyOf(parts, 'future'), 'data', '{"v":2,"what":"ever"}');
    await parts.work();
    await parts.queue.add([testJob('good', parts)]);
    await parts.answered(1);
    await vi.waitFor(() => expect(parts.log.count('later version')).toBeGreaterThan(0), PATIENCE);
    expect(await keys(parts)).toEqual([keyOf(parts, 'future')]);
  });

  it('gives a job of a killed worker to another one', async () => {
    const parts = await openQueue();
    const child = spawn(process.execPath, [...NODE, PROGRAM, redis.url, parts.clusterId], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await parts.queue.add([testJob('orphan', parts)]);
    const [taken] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    expect(taken).toBe('orphan');
    child.kill('SIGKILL');
    await parts.work();
    await parts.answered(1);
    expect(parts.log.count('lost its worker')).toBe(1);
  });

  it('gives a job of a worker that was stopped for too long to another one', async () => {
    const parts = await openQueue();
    const child = spawn(process.execPath, [...NODE, PROGRAM, redis.url, parts.clusterId], {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    await parts.queue.add([testJob('slow', parts)]);
    await once(createInterface({ input: child.stdout }), 'line');
    child.kill('SIGSTOP');
    await parts.work();
    expect([...(await parts.answered(1))]).toEqual(['slow']);
    child.kill('SIGCONT');
  });

  it('ends the jobs of a worker that is closed, at the time-out, and takes their answers', async () => {
    const parts = await openQueue();
    const worker = await parts.work({
      handler: (job, signal) =>
        new Promise((answer) => signal.addEventListener('abort', () => answer(doneResult(job)), { once: true })),
    });
    await parts.queue.add([testJob('long', parts)]);
    await vi.waitFor(async () => {
      expect(await redis.command('LLEN', `holdfast:${parts.clusterId}-jobs:active`)).toBe(1);
    }, PATIENCE);
    await worker.close(100);
    await parts.answered(1);
  });

  it('gives up a result that cannot be handed in', async () => {
    const parts = await openQueue();
    const handler = async (job: ReturnType<typeof testJob>): Promise<JobResult> => {
      await redis.command('CONFIG', 'SET', 'maxmemory', '1');
      return doneResult(job);
    };
    await parts.work({ handler, resultPatienceMs: 500 });
    await parts.queue.add([testJob('lost', parts)]);
    await vi.waitFor(() => expect(parts.log.count('could not be handed in')).toBeGreaterThan(0), PATIENCE);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    expect(parts.results).toEqual([]);
  });

  it('says once that Redis would throw jobs away when it is full', async () => {
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    onTestFinished(() => void redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction'));
    const parts = await openQueue();
    await vi.waitFor(() => expect(parts.log.count('maxmemory-policy to noeviction')).toBe(1), PATIENCE);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await sleep(1_500);
    await parts.ready();
    expect(parts.log.count('maxmemory-policy to noeviction')).toBe(1);
  });

  it('refuses jobs after its close', async () => {
    const parts = await openQueue();
    await parts.queue.close(1_000);
    const error: unknown = await parts.queue.add([testJob('late', parts)]).catch((e: unknown) => e);
    expect(StoreError.is(error, 'queue_unavailable')).toBe(true);
  });
});
