import type { Job, JobResult } from '#libs/job-queue';
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { A, B, PRIMARY, ReplicationBench, resultOf, storeFailure } from '../testing/src/index.js';
import type { BenchOptions } from '../testing/src/index.js';

const ONE: BenchOptions = { replicaIds: [A] };
const CORRUPT = { code: 'store_write_failed', message: 'The store did not keep it.' };
const MINUTE = 60_000;

/** Has every job answered until none waits; answers with how many files they had. */
async function drain(bench: ReplicationBench, answerOf: (job: Job) => JobResult | undefined): Promise<number> {
  let files = 0;
  for (let jobs = await bench.jobs(); jobs.length > 0; jobs = await bench.jobs()) {
    const job = jobs[0]!;
    bench.queue.waiting.delete(job.jobId);
    const result = answerOf(job);
    if (result !== undefined) await bench.answer(result);
    files += job.items.length;
  }
  return files;
}

/** How many seconds pass until the files are confirmed, as long as it is no more than `limit`. */
async function secondsUntilDone(
  bench: ReplicationBench,
  { fileIds, answerOf, limit }: { fileIds: FileId[]; answerOf: (job: Job) => JobResult | undefined; limit: number },
): Promise<number> {
  for (let seconds = 0; seconds < limit; seconds += 1) {
    await drain(bench, answerOf);
    if (fileIds.every((fileId) => bench.row(fileId)?.state === 'done')) return seconds;
    await bench.time.advance(1_000);
  }
  return limit;
}

const manyPut = (bench: ReplicationBench, count: number): FileId[] => Array.from({ length: count }, () => bench.put());

describe('a store that fails', () => {
  it('is tried with one file after a while, and has all of them when that worked', async () => {
    await using bench = await ReplicationBench.open(ONE);
    for (let made = 0; made < 10; made += 1) bench.put();
    await bench.answer(storeFailure(await bench.takeOnly()));
    expect(await bench.jobs()).toEqual([]);
    expect(bench.replication.status()[0]).toMatchObject({
      state: 'degraded',
      lastError: { code: 'store_unreachable' },
      obligations: { put: 10, delete: 0, repair: 0 },
    });
    await bench.time.advance(2_000);
    const trial = await bench.takeOnly();
    expect(trial.items).toHaveLength(1);
    bench.put();
    expect(await bench.jobs()).toEqual([]);
    await bench.answer(resultOf(trial));
    expect(await drain(bench, (job) => resultOf(job))).toBe(10);
    expect(bench.replication.status()[0]?.state).toBe('online');
  });

  it('is offline after ten seconds, costs a trial a minute at most, and leaves the other stores alone', async () => {
    await using bench = await ReplicationBench.open();
    bench.places.get(A)!.standing = 'unreachable';
    const fileId = bench.put();
    await bench.answer(resultOf(await bench.takeOnly(B)));
    await bench.answer(storeFailure(await bench.takeOnly(A)));
    let trials = 0;
    for (let second = 0; second < 3600; second += 1) {
      await bench.time.advance(1_000);
      for (const job of await bench.jobs(A)) {
        bench.queue.waiting.delete(job.jobId);
        trials += 1;
        await bench.answer(storeFailure(job));
      }
    }
    expect(trials).toBeGreaterThan(60);
    expect(trials).toBeLessThan(150);
    expect(bench.replication.status().map(({ state }) => state)).toEqual(['offline', 'online']);
    // Not the file's fault: it has not been judged.
    expect(bench.row(fileId, A)).toMatchObject({ state: 'pending', attempts: 0 });
    const later = bench.put();
    await bench.answer(resultOf(await bench.takeOnly(B)));
    expect(bench.row(later, B)?.state).toBe('done');
  });

  it('for an hour costs no file an attempt, and has all of them soon when it is back', async () => {
    await using bench = await ReplicationBench.open(ONE);
    bench.places.get(A)!.standing = 'unreachable';
    const fileIds = manyPut(bench, 5);
    for (let minute = 0; minute < 60; minute += 1) {
      await drain(bench, (job) => storeFailure(job));
      await bench.time.advance(MINUTE);
    }
    for (const fileId of fileIds) expect(bench.row(fileId)).toMatchObject({ state: 'pending', attempts: 0 });
    bench.places.get(A)!.standing = 'itself';
    const answerOf = (job: Job): JobResult => resultOf(job);
    expect(await secondsUntilDone(bench, { fileIds, answerOf, limit: 30 })).toBeLessThan(20);
  });

  it('that turns out to be another store gets nothing until the right one stands there again', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    bench.places.get(A)!.standing = 'another';
    await bench.answer(storeFailure(await bench.takeOnly(), 'store_foreign'));
    await bench.time.advance(10 * MINUTE);
    expect(await bench.jobs()).toEqual([]);
    expect(bench.replication.status()[0]).toMatchObject({ state: 'foreign', lastError: { code: 'store_foreign' } });
    bench.places.get(A)!.standing = 'itself';
    await bench.time.advance(11_000);
    await bench.answer(resultOf(await bench.takeOnly()));
    expect(bench.row(fileId)?.state).toBe('done');
    expect(bench.replication.status()[0]?.state).toBe('online');
  });

  it.each(['nothing', 'unreachable', 'hung', 'another'] as const)(
    'is seen although nothing is owed to it: its place is %s',
    async (standing) => {
      await using bench = await ReplicationBench.open(ONE);
      const { status } = { status: () => bench.replication.status()[0]?.state };
      expect(status()).toBe('online');
      bench.places.get(A)!.standing = standing;
      await bench.time.advance(MINUTE);
      expect(status()).toBe(standing === 'another' ? 'foreign' : 'offline');
      if (standing === 'hung') return;
      bench.places.get(A)!.standing = 'itself';
      await bench.time.advance(11_000);
      expect(status()).toBe('online');
    },
  );

  it.each(['offline', 'foreign'] as const)(
    'at boot (%s) is not waited for, and is found when it returns',
    async (bound) => {
      await using bench = await ReplicationBench.open({ ...ONE, bound });
      // The first look at the place has been taken by now.
      expect(bench.replication.status()[0]?.state).toBe('online');
      await bench.replication.stop(0);
      bench.places.get(A)!.standing = bound === 'offline' ? 'nothing' : 'another';
      await bench.restart();
      expect(bench.replication.status()[0]?.state).toBe(bound);
      bench.put();
      bench.places.get(A)!.standing = 'itself';
      await bench.time.advance(11_000);
      for (const job of await bench.jobs()) await bench.answer(resultOf(job));
      expect(bench.replication.status()[0]?.state).toBe('online');
    },
  );
});

describe('one bad object among many', () => {
  it.each([
    ['the store', A],
    ['the primary', PRIMARY],
  ])('on %s keeps the others waiting for seconds, and is put off on its own', async (_where, storeId) => {
    await using bench = await ReplicationBench.open(ONE);
    const fileIds = manyPut(bench, 600);
    const bad = new Set([fileIds[150]!, fileIds[151]!, fileIds[420]!]);
    const answerOf = (job: Job): JobResult =>
      job.items.some(({ fileId }) => bad.has(fileId)) ? storeFailure(job, 'store_refused', storeId) : resultOf(job);
    const good = fileIds.filter((fileId) => !bad.has(fileId));
    expect(await secondsUntilDone(bench, { fileIds: good, answerOf, limit: 300 })).toBeLessThan(120);
    // That the store does others says that it was these.
    for (let seconds = 0; seconds < 300; seconds += 1) {
      if (seconds % 30 === 0) good.push(bench.put());
      await drain(bench, answerOf);
      await bench.time.advance(1_000);
    }
    for (const fileId of bad) {
      const { attempts, lastError } = bench.row(fileId)!;
      expect([attempts > 0, lastError]).toEqual([true, 'store_refused: The store fails.']);
    }
    const late = bench.put();
    expect(await secondsUntilDone(bench, { fileIds: [...good, late], answerOf, limit: 100 })).toBeLessThan(60);
    bad.clear();
    expect(await secondsUntilDone(bench, { fileIds, answerOf, limit: 1_000 })).toBeLessThan(400);
  });

  it('on which the worker stumbles does not fail what it was in a job with for ever', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const [bad, ...good] = manyPut(bench, 60) as [FileId, ...FileId[]];
    const mistake = { code: 'internal', message: 'x is not a function' };
    const answerOf = (job: Job): JobResult =>
      job.items.some(({ fileId }) => fileId === bad) ? resultOf(job, 'failed', mistake) : resultOf(job);
    expect(await secondsUntilDone(bench, { fileIds: good, answerOf, limit: 1_800 })).toBeLessThan(600);
    expect(bench.row(bad)?.state).not.toBe('done');
  });

  it('shows as degraded as long as it fails, whatever else is copied', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const bad = bench.put();
    const answerOf = (job: Job): JobResult =>
      job.items.some(({ fileId }) => fileId === bad) ? resultOf(job, 'failed', CORRUPT) : resultOf(job);
    while (bench.row(bad)?.state !== 'failed') {
      await drain(bench, answerOf);
      await bench.time.advance(1_000);
    }
    const good = bench.put();
    await secondsUntilDone(bench, { fileIds: [good], answerOf, limit: 60 });
    expect(bench.row(good)?.state).toBe('done');
    expect(bench.replication.status()[0]?.state).toBe('degraded');
    await secondsUntilDone(bench, { fileIds: [bad], answerOf: (job) => resultOf(job), limit: 600 });
    expect(bench.replication.status()[0]?.state).toBe('online');
  });
});

describe('a job that kills its worker', () => {
  it('is found, a file at a time, and the others are copied; no file is blamed', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileIds = manyPut(bench, 300);
    const killers = new Set([fileIds[7]!, fileIds[200]!]);
    const answerOf = (job: Job): JobResult | undefined =>
      job.items.some(({ fileId }) => killers.has(fileId)) ? undefined : resultOf(job);
    const good = fileIds.filter((fileId) => !killers.has(fileId));
    expect(await secondsUntilDone(bench, { fileIds: good, answerOf, limit: 10_000 })).toBeLessThan(3_600);
    expect(bench.replication.status()[0]?.lastError?.code).toBe('job_lost');
    for (const fileId of killers) expect(bench.row(fileId)).toMatchObject({ state: 'pending', attempts: 0 });
    // With both of them alone by now, one is in flight and leaves room for what comes.
    await bench.time.advance(30 * MINUTE);
    const late = manyPut(bench, 10);
    expect(await secondsUntilDone(bench, { fileIds: late, answerOf, limit: 60 })).toBeLessThan(5);
    killers.clear();
    expect(await secondsUntilDone(bench, { fileIds, answerOf, limit: 10_000 })).toBeLessThan(600);
  });

  it('that was answered late counts no attempt against what is under way by now', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileIds = manyPut(bench, 2);
    const first = await bench.takeOnly();
    await bench.time.advance(first.deadlineMs - bench.time.now() + MINUTE);
    const halves = (await bench.jobs()).filter(({ jobId }) => jobId !== first.jobId);
    expect(halves.map(({ items }) => items.length)).toEqual([1, 1]);
    await bench.answer(resultOf(first, 'failed', { code: 'job_overdue', message: 'Too late.' }));
    for (const fileId of fileIds) expect(bench.row(fileId)).toMatchObject({ state: 'pending', attempts: 0 });
    for (const job of halves) await bench.answer(resultOf(job));
    for (const fileId of fileIds) expect(bench.row(fileId)?.state).toBe('done');
  });
});

describe('a queue that takes nothing', () => {
  it('is asked ever more rarely, and has the same jobs when it is back', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileIds = [bench.put(), bench.put()];
    bench.queue.breakDown(1);
    const [taken] = await bench.jobs();
    let calls = 0;
    const add = bench.queue.add.bind(bench.queue);
    bench.queue.add = (jobs) => {
      calls += 1;
      return add(jobs);
    };
    await bench.time.advance(MINUTE);
    expect(calls).toBeGreaterThan(4);
    expect(calls).toBeLessThan(20);
    expect(bench.replication.status()[0]?.state).toBe('online');
    bench.queue.comeBack();
    await bench.time.advance(20_000);
    expect(await bench.jobs()).toEqual([taken]);
    await bench.answer(resultOf(await bench.takeOnly()));
    for (const fileId of fileIds) expect(bench.row(fileId)?.state).toBe('done');
  });
});

describe('a sync', () => {
  it('makes what was put off due, and tells how it went', async () => {
    await using bench = await ReplicationBench.open(ONE);
    for (let made = 0; made < 3; made += 1) bench.put();
    await bench.answer(resultOf(await bench.takeOnly(), 'failed', CORRUPT));
    const sync = bench.replication.sync(['a']);
    expect(sync.total).toBe(3);
    const job = await bench.takeOnly();
    const isOver = { is: false };
    void sync.finished.then(() => (isOver.is = true));
    await bench.time.advance(1);
    bench.put();
    expect(sync.progress()).toEqual({ done: 0, failed: 0, left: 3 });
    const [first, ...rest] = resultOf(job).items;
    await bench.answer({
      ...resultOf(job),
      items: [first!, { ...rest[0]!, outcome: 'failed', error: CORRUPT }, rest[1]!],
    });
    await sync.finished;
    expect(sync.progress()).toEqual({ done: 2, failed: 1, left: 0 });
    expect(isOver.is).toBe(true);
  });

  it('lets a store be tried at once, and is over when that failed: all of its files with it', async () => {
    await using bench = await ReplicationBench.open();
    for (const place of bench.places.values()) place.standing = 'unreachable';
    const fileId = bench.put();
    for (const storeId of [A, B]) await bench.answer(storeFailure(await bench.takeOnly(storeId)));
    const sync = bench.replication.sync();
    await sync.finished;
    expect(sync.failureOf(A)).toMatchObject({ code: 'store_unreachable' });
    expect(sync.total).toBe(2);
    expect(sync.progress()).toEqual({ done: 0, failed: 2, left: 0 });
    expect(bench.row(fileId, A)?.state).toBe('pending');
  });

  it('is over when the queue takes nothing for long, says so, and what is owed stays owed', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    for (const storeId of [A, B]) await bench.answer(resultOf(await bench.takeOnly(storeId), 'failed', CORRUPT));
    bench.queue.breakDown();
    const sync = bench.replication.sync(['a']);
    const isOver = { is: false };
    void sync.finished.then(() => (isOver.is = true));
    await bench.time.advance(20_000);
    expect(isOver.is).toBe(false);
    await bench.time.advance(25_000);
    expect(isOver.is).toBe(true);
    const failure = {
      code: 'queue_unavailable',
      message: expect.stringContaining('The queue is broken down.') as string,
    };
    expect([sync.standstill, sync.failureOf(A), sync.failureOf(B)]).toEqual([failure, failure, undefined]);
    expect(sync.progress()).toEqual({ done: 0, failed: 1, left: 0 });
    bench.queue.comeBack();
    await bench.time.advance(20_000);
    await bench.answer(resultOf(await bench.takeOnly(A)));
    expect(bench.row(fileId, A)?.state).toBe('done');
  });

  it('is over when nobody does what the queue took, and not as long as anybody does', async () => {
    await using bench = await ReplicationBench.open();
    for (let made = 0; made < 20; made += 1) bench.put();
    const sync = bench.replication.sync(['a']);
    const isOver = { is: false };
    void sync.finished.then(() => (isOver.is = true));
    for (let minute = 0; minute < 10; minute += 1) {
      await bench.time.advance(MINUTE);
      const [job] = await bench.jobs(B);
      const first = resultOf(job!);
      await bench.answer({ ...first, items: first.items.slice(0, 1) });
      bench.queue.waiting.delete(job!.jobId);
      expect(isOver.is).toBe(false);
    }
    await bench.time.advance(5 * MINUTE);
    expect(isOver.is).toBe(true);
    expect(sync.failureOf(A)).toMatchObject({
      code: 'job_overdue',
      message: expect.stringContaining('no worker') as string,
    });
    expect(sync.progress()).toEqual({ done: 0, failed: 20, left: 0 });
  });

  it('that carried out all of it, or tried, has no failure to tell of', async () => {
    await using bench = await ReplicationBench.open(ONE);
    bench.put();
    bench.queue.breakDown();
    const sync = bench.replication.sync();
    await bench.time.advance(10_000);
    bench.queue.comeBack();
    // The worker takes its time.
    await bench.time.advance(60_000);
    await bench.answer(resultOf(await bench.takeOnly()));
    await sync.finished;
    expect([sync.standstill, sync.failureOf(A)]).toEqual([undefined, undefined]);
  });

  it('of stores to which nothing is owed is over, and of one that is not there is refused', async () => {
    await using bench = await ReplicationBench.open();
    const sync = bench.replication.sync(['b']);
    await bench.time.settle();
    await sync.finished;
    expect([sync.total, sync.progress()]).toEqual([0, { done: 0, failed: 0, left: 0 }]);
    expect(() => bench.replication.sync(['nobody'])).toThrow(expect.objectContaining({ code: 'replica_not_found' }));
  });
});

describe('stores that join and leave', () => {
  it('a replica that joins is owed every file; one that left is forgotten', async () => {
    await using bench = await ReplicationBench.open({ replicaIds: [A] });
    const fileIds = [bench.put(), bench.put()];
    await bench.answer(resultOf(await bench.takeOnly()));
    bench.put();
    bench.setReplicas([B]);
    await bench.restart();
    const job = await bench.takeOnly(B);
    expect(job.items.map(({ fileId }) => fileId)).toEqual(expect.arrayContaining(fileIds));
    expect(job.items).toHaveLength(3);
    expect(bench.replication.status()).toMatchObject([{ storeId: B, name: 'b', state: 'online', lag: { files: 3 } }]);
    expect(bench.catalog.obligations.storeIds()).toEqual([B]);
    expect(await bench.jobs(A)).toEqual([]);
  });
});
