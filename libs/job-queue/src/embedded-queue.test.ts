import { StoreError } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { doneResult, testJob } from '../testing/src/index.js';
import { EMBEDDED_JOBS_UNDER_WAY, EMBEDDED_JOBS_WAITING, EmbeddedJobQueue } from './embedded-queue.js';
import type { Job, JobResult } from './job.js';
import type { JobHandler, QueueCondition } from './job-queue.js';
import { MAX_DELIVERIES } from './result-delivery.js';

/** A handler whose jobs end when the test says so. */
class HeldJobs {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, () => void>();

  readonly handler: JobHandler = (job, signal) => {
    this.begun.push(job.jobId);
    const { promise, resolve } = Promise.withResolvers<JobResult>();
    this.#ends.set(job.jobId, () => resolve(doneResult(job)));
    signal.addEventListener('abort', () => resolve(doneResult(job)));
    return promise;
  };

  end(jobId: string): void {
    this.#ends.get(jobId)?.();
  }
}

function queueOf(handler: JobHandler, condition?: () => QueueCondition): EmbeddedJobQueue {
  const redelivery = { baseMs: 1, maxMs: 2 };
  const given = condition === undefined ? {} : { condition };
  const queue = new EmbeddedJobQueue({ handler, log: silentLog, redelivery, ...given });
  onTestFinished(() => queue.close(1_000));
  return queue;
}

const jobs = (count: number): Job[] => Array.from({ length: count }, (_, index) => testJob(`job-${index}`));
const done: JobHandler = (job) => Promise.resolve(doneResult(job));

describe('the embedded queue', () => {
  it('answers every job once', async () => {
    const queue = queueOf(done);
    const results: string[] = [];
    queue.listen((result) => Promise.resolve(void results.push(result.jobId)));
    await queue.add(jobs(100));
    await vi.waitFor(() => expect(results).toHaveLength(100));
    expect(new Set(results).size).toBe(100);
  });

  it('begins no more jobs than its limit, and the next when one ends', async () => {
    const held = new HeldJobs();
    const queue = queueOf(held.handler);
    queue.listen(() => Promise.resolve());
    await queue.add(jobs(EMBEDDED_JOBS_UNDER_WAY + 2));
    expect(held.begun).toHaveLength(EMBEDDED_JOBS_UNDER_WAY);
    held.end('job-0');
    await vi.waitFor(() => expect(held.begun).toHaveLength(EMBEDDED_JOBS_UNDER_WAY + 1));
  });

  it('does not hand out an id again that waits or is under way, but does so after its result', async () => {
    const held = new HeldJobs();
    const queue = queueOf(held.handler);
    const results: string[] = [];
    queue.listen((result) => Promise.resolve(void results.push(result.jobId)));
    const job = testJob('once');
    await queue.add([job, job]);
    await queue.add([job]);
    expect(held.begun).toEqual(['once']);
    held.end('once');
    await vi.waitFor(() => expect(results).toEqual(['once']));
    await queue.add([job]);
    expect(held.begun).toEqual(['once', 'once']);
  });

  it('refuses more jobs than it may hold', async () => {
    const queue = queueOf(new HeldJobs().handler);
    const error = await queue.add(jobs(EMBEDDED_JOBS_UNDER_WAY + EMBEDDED_JOBS_WAITING + 1)).catch((e: unknown) => e);
    expect(StoreError.is(error, 'queue_unavailable')).toBe(true);
  });

  it('refuses jobs while what does them is away, and says why', async () => {
    const queue = queueOf(done, () => ({ state: 'unavailable', lastError: 'the thread is down' }));
    expect(queue.condition).toEqual({ state: 'unavailable', lastError: 'the thread is down' });
    await expect(queue.add(jobs(1))).rejects.toThrow('the thread is down');
  });

  it('delivers a result again whose listener failed, before any later one', async () => {
    const queue = queueOf(done);
    const seen: string[] = [];
    queue.listen((result) => {
      seen.push(result.jobId);
      return seen.length < 3 ? Promise.reject(new Error('the catalog is busy')) : Promise.resolve();
    });
    await queue.add([testJob('first')]);
    await queue.add([testJob('second')]);
    await vi.waitFor(() => expect(seen).toEqual(['first', 'first', 'first', 'second']));
  });

  it('drops a result that is always refused, so that the next ones get through', async () => {
    const queue = queueOf(done);
    let refusals = 0;
    const taken: string[] = [];
    queue.listen((result) => {
      if (result.jobId === 'poison') return Promise.reject(new Error(`refused ${++refusals}`));
      return Promise.resolve(void taken.push(result.jobId));
    });
    await queue.add([testJob('poison'), testJob('good')]);
    await vi.waitFor(() => expect(taken).toEqual(['good']));
    expect(refusals).toBe(MAX_DELIVERIES);
  });

  it('begins no more jobs while nobody takes their results', async () => {
    let begun = 0;
    const queue = queueOf((job) => Promise.resolve(void begun++).then(() => doneResult(job)));
    await queue.add(jobs(1_000));
    await new Promise((resolve) => setImmediate(resolve));
    expect(begun).toBeLessThan(100);
    const results: string[] = [];
    queue.listen((result) => Promise.resolve(void results.push(result.jobId)));
    await vi.waitFor(() => expect(results).toHaveLength(1_000));
  });

  it('answers a handler that makes a mistake as failed', async () => {
    const queue = queueOf(() => Promise.reject(new TypeError('undefined is not a function')));
    const results: JobResult[] = [];
    queue.listen((result) => Promise.resolve(void results.push(result)));
    await queue.add([testJob('job')]);
    await vi.waitFor(() => expect(results).toHaveLength(1));
    expect(results[0]!.items.map(({ outcome, error }) => [outcome, error?.code])).toEqual([
      ['failed', 'internal'],
      ['failed', 'internal'],
    ]);
  });

  it('ends jobs at its close and delivers nothing after it', async () => {
    const held = new HeldJobs();
    const queue = queueOf(held.handler);
    const results: string[] = [];
    queue.listen((result) => Promise.resolve(void results.push(result.jobId)));
    await queue.add(jobs(3));
    await queue.close(5_000);
    expect(results).toEqual([]);
    expect(queue.condition.state).toBe('unavailable');
  });

  it('closes in time although a job does not listen to its signal', async () => {
    const queue = queueOf(() => new Promise(() => undefined));
    await queue.add(jobs(1));
    await queue.close(1);
    expect(queue.condition.state).toBe('unavailable');
  });
});
