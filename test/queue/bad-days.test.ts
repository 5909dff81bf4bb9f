/** Redis killed, forgetful, full, read-only, silent, not there yet, or asking for another password. */
import { StoreError } from '#libs/kernel';
import type { Job } from '#libs/job-queue';
import { doneResult, testJob } from '#libs/job-queue/testing';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { reasonWithoutRedis, RedisService, startRedis } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { PATIENCE, TestQueue } from './queue-parts.js';

const reason = reasonWithoutRedis();

async function openQueue(redisUrl: string): Promise<TestQueue> {
  const parts = new TestQueue(redisUrl);
  await parts.open();
  return parts;
}

async function refusalOf(adding: Promise<void>): Promise<string> {
  const error: unknown = await adding.then(
    () => 'accepted',
    (cause: unknown) => cause,
  );
  if (!StoreError.is(error, 'queue_unavailable')) throw new Error(`not refused but ${String(error)}`);
  return error.message;
}

/** Hands out again, as whoever owes copies does, what is not answered yet. */
async function insist(parts: TestQueue, jobs: readonly Job[]): Promise<void> {
  await vi.waitFor(async () => {
    const left = jobs.filter(({ jobId }) => !parts.answeredIds.has(jobId));
    if (left.length > 0) await parts.queue.add(left);
    expect(left).toEqual([]);
  }, PATIENCE);
}

const jobsOf = (parts: TestQueue, count: number): Job[] =>
  Array.from({ length: count }, (_, index) => testJob(`job-${index}`, parts));

/** What Redis has been asked in a while: a storm asks thousands. */
async function commandsWithin(redis: RedisService, ms: number): Promise<number> {
  const count = async (): Promise<number> => {
    const info = String(await redis.command('INFO', 'stats'));
    return Number(/total_commands_processed:(\d+)/.exec(info)?.[1]);
  };
  const before = await count();
  await sleep(ms);
  return (await count()) - before;
}
const FEW_COMMANDS = 300;

describe.skipIf(reason !== undefined)(`a queue on a bad day${whySkipped(reason)}`, () => {
  it('Redis is killed and restarted under load: everything is answered in the end', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    const handler = (job: Job) => sleep(10).then(() => doneResult(job));
    for (let worker = 0; worker < 2; worker++) await parts.work({ handler });
    const jobs = jobsOf(parts, 400);
    const insisting = insist(parts, jobs);
    for (let kill = 0; kill < 3; kill++) {
      await sleep(150);
      await redis.restart('SIGKILL');
    }
    await insisting;
    await parts.ready();
    expect(parts.answeredIds.size).toBe(400);
  });

  it('Redis with an append-only file is killed: nothing has to be handed out again', async () => {
    const redis = await startRedis('--appendonly', 'yes', '--appendfsync', 'always');
    const parts = await openQueue(redis.url);
    await parts.ready();
    await parts.queue.add(jobsOf(parts, 50));
    await redis.restart('SIGKILL');
    await parts.work();
    expect((await parts.answered(50)).size).toBe(50);
  });

  it('Redis is flushed: what it forgot can be handed out again', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    const jobs = jobsOf(parts, 20);
    await parts.queue.add(jobs);
    await redis.command('FLUSHALL');
    await parts.work();
    await parts.queue.add([testJob('marker', parts)]);
    await parts.answered(1);
    await parts.queue.add(jobs);
    expect((await parts.answered(21)).size).toBe(21);
  });

  it('Redis is flushed, scripts included, under a job: its answer arrives all the same', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    await parts.work({
      handler: async (job) => {
        await redis.command('FLUSHALL');
        await redis.command('SCRIPT', 'FLUSH');
        return doneResult(job);
      },
    });
    await parts.queue.add(jobsOf(parts, 1));
    expect([...(await parts.answered(1))]).toEqual(['job-0']);
  });

  it('Redis is full: refused with the reason, without a storm, and well again when there is room', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    await parts.work();
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    expect(await refusalOf(parts.queue.add(jobsOf(parts, 1)))).toContain('OOM');
    await parts.unavailable('OOM');
    expect(await commandsWithin(redis, 3_000)).toBeLessThan(FEW_COMMANDS);
    await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    await parts.ready();
    await insist(parts, jobsOf(parts, 3));
  });

  it('Redis is a replica that takes no writes: refused with the reason, well again when it does', async () => {
    const main = await startRedis();
    const redis = await startRedis('--replicaof', '127.0.0.1', String(main.port));
    const parts = await openQueue(redis.url);
    await parts.work();
    await parts.unavailable('READONLY');
    expect(await refusalOf(parts.queue.add(jobsOf(parts, 1)))).toContain('READONLY');
    expect(await commandsWithin(redis, 3_000)).toBeLessThan(FEW_COMMANDS);
    await redis.command('REPLICAOF', 'NO', 'ONE');
    await parts.ready();
    await insist(parts, jobsOf(parts, 3));
  });

  it('Redis is away at the start: refused at once, and all goes on when it comes', async () => {
    const redis = await RedisService.make();
    onTestFinished(() => redis.remove());
    const parts = await openQueue(redis.url);
    await parts.work();
    await parts.unavailable('ECONNREFUSED');
    await refusalOf(parts.queue.add(jobsOf(parts, 1)));
    expect(parts.queue.condition.lastError).toContain('ECONNREFUSED');
    await redis.start();
    await parts.ready();
    await insist(parts, jobsOf(parts, 3));
  });

  it('Redis takes connections and answers nothing: refused in time, well again when it answers', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    await parts.work();
    redis.signal('SIGSTOP');
    expect(await refusalOf(parts.queue.add(jobsOf(parts, 1)))).toContain('no answer in time');
    expect(parts.queue.condition.state).toBe('unavailable');
    redis.signal('SIGCONT');
    await parts.ready();
    await insist(parts, jobsOf(parts, 3));
  });

  it.each([
    ['no password', '', 'NOAUTH'],
    ['a wrong password', ':not-the-secret@', 'WRONGPASS'],
  ])('Redis is given %s: said so, without a storm and without the password', async (_, login, code) => {
    const redis = await startRedis('--requirepass', 'the-right-one');
    const parts = await openQueue(redis.url.replace('//', `//${login}`));
    await parts.work();
    await parts.unavailable(code);
    await refusalOf(parts.queue.add(jobsOf(parts, 1)));
    expect(parts.queue.condition.lastError).toContain(code);
    expect(parts.log.count('not-the-secret')).toBe(0);
    expect(parts.log.count('cannot be reached')).toBeLessThan(4);
  });

  it('is not closed by a missing Redis any later than it was told', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    const worker = await parts.work();
    await redis.stop('SIGKILL');
    const late = Symbol('late');
    const closing = Promise.all([parts.queue.close(1_000), worker.close(1_000)]);
    expect(await Promise.race([closing, sleep(20_000, late)])).not.toBe(late);
  });

  it('says once that Redis went and once that it came back', async () => {
    const redis = await startRedis();
    const parts = await openQueue(redis.url);
    await parts.ready();
    await redis.stop('SIGKILL');
    await parts.unavailable('');
    for (let attempt = 0; attempt < 20; attempt++) await refusalOf(parts.queue.add(jobsOf(parts, 1)));
    await redis.start();
    await parts.ready();
    expect(parts.log.count('the job queue is not available')).toBe(1);
    expect(parts.log.count('the job queue is available again')).toBe(1);
  });
});
