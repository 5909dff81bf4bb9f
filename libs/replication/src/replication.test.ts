import { newFileId } from '#libs/kernel';
import type { CatalogId, FileId, StoreId } from '#libs/kernel';
import { MAX_JOB_ITEMS } from '#libs/job-queue';
import { describe, expect, it } from 'vitest';
import { A, B, PRIMARY, ReplicationBench, resultOf, storeFailure } from '../testing/src/index.js';
import type { BenchOptions } from '../testing/src/index.js';

const ONE: BenchOptions = { replicaIds: [A] };
const CORRUPT = { code: 'EIO', message: 'The disk cannot read it.' };
const MINUTE = 60_000;

describe('what is owed', () => {
  it('is handed out to each replica, and closed by the answer', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    for (const storeId of [A, B]) {
      const job = await bench.takeOnly(storeId);
      expect(job).toMatchObject({ operation: 'copy', sourceId: PRIMARY, items: [{ fileId, generation: 1 }] });
      expect(bench.replication.copying(fileId, storeId)).toBe(true);
      expect(bench.row(fileId, storeId)?.state).toBe('pending');
      await bench.answer(resultOf(job));
      expect(bench.replication.copying(fileId, storeId)).toBe(false);
      expect(bench.row(fileId, storeId)?.state).toBe('done');
    }
    expect(bench.queue.waiting.size).toBe(0);
  });

  it('is in flight once per file and store: a delete waits for the copy under way', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const copy = await bench.takeOnly();
    bench.remove(fileId);
    expect(await bench.jobs()).toEqual([]);
    await bench.answer(resultOf(copy));
    // The answer to the copy closes nothing: the order is a delete by now.
    expect(bench.row(fileId)).toMatchObject({ want: 'absent', state: 'pending', generation: 2 });
    const removal = await bench.takeOnly();
    expect(removal).toMatchObject({ operation: 'delete', items: [{ fileId, generation: 2 }] });
    await bench.answer(resultOf(removal));
    expect(bench.row(fileId)).toMatchObject({ want: 'absent', state: 'done' });
  });

  it('is handed out in at most two jobs a store, however much it is, and goes on with each answer', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const count = 5 * MAX_JOB_ITEMS + 7;
    for (let made = 0; made < count; made += 1) bench.put();
    let confirmed = 0;
    for (let answers = 0; confirmed < count; answers += 1) {
      expect(answers).toBeLessThan(20);
      const jobs = await bench.jobs();
      expect(jobs.length).toBeLessThanOrEqual(2);
      bench.queue.take();
      await bench.answer(resultOf(jobs[0]!));
      confirmed += jobs[0]!.items.length;
    }
    expect(bench.replication.status()[0]).toMatchObject({ state: 'online', lag: { files: 0, bytes: 0, oldestMs: 0 } });
  });

  it('is handed out again after a restart, in the same jobs, which a queue that has them takes once', async () => {
    await using bench = await ReplicationBench.open(ONE);
    bench.put();
    const [before] = await bench.jobs();
    await bench.restart();
    expect(await bench.jobs()).toEqual([before]);
    expect(bench.queue.added).toEqual([]);
    const job = await bench.takeOnly();
    await bench.answer(resultOf(job));
    expect(await bench.jobs()).toEqual([]);
  });

  it('is handed out again where the queue lost it, behind its deadline and not before', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const lost = await bench.takeOnly();
    await bench.time.advance(lost.deadlineMs - bench.time.now());
    expect(await bench.jobs()).toEqual([]);
    await bench.time.advance(MINUTE);
    const again = await bench.takeOnly();
    expect(again.items).toEqual(lost.items);
    await bench.answer(resultOf(again));
    expect(bench.row(fileId)?.state).toBe('done');
    // The answer that was thought lost changes nothing any more.
    await bench.answer(resultOf(lost, 'failed', CORRUPT));
    expect(bench.row(fileId)?.state).toBe('done');
    expect(bench.replication.status()[0]?.state).toBe('online');
  });

  it('with chunks that may be on their way out says so', async () => {
    const doubted: FileId = newFileId(1);
    const distrust = (storeId: StoreId, fileId: FileId): boolean => storeId === A && fileId === doubted;
    await using bench = await ReplicationBench.open({ ...ONE, distrust });
    bench.put(doubted);
    bench.put();
    const [job] = await bench.jobs();
    expect(job!.items.filter(({ distrustChunks }) => distrustChunks).map(({ fileId }) => fileId)).toEqual([doubted]);
  });
});

describe('an answer', () => {
  it.each(['catalog', 'store'])('of another %s closes nothing', async (what) => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const result = resultOf(await bench.takeOnly());
    const stranger =
      what === 'catalog'
        ? { ...result, catalogId: 'ca7a1060-0000-4000-8000-00000000dead' as CatalogId }
        : { ...result, targetId: '5704e000-0000-4000-8000-00000000dead' as StoreId };
    await bench.answer(stranger);
    expect(bench.row(fileId)?.state).toBe('pending');
    expect(bench.replication.copying(fileId, A)).toBe(true);
    await bench.answer(result);
    expect(bench.row(fileId)?.state).toBe('done');
  });

  it('of an older generation closes nothing, also where both wanted the same', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const first = resultOf(await bench.takeOnly());
    await bench.answer(first);
    bench.catalog.obligations.owe({ fileId, storeId: A, operation: 'repair', nowMs: bench.time.now() });
    bench.replication.notice();
    const repair = await bench.takeOnly();
    await bench.answer(first);
    expect(bench.row(fileId)).toMatchObject({ state: 'pending', operation: 'repair', generation: 2 });
    await bench.answer(resultOf(repair));
    expect(bench.row(fileId)?.state).toBe('done');
  });

  it('that a copy was superseded leaves the row to the delete, without asking again and again', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    // The tombstone is on the primary before the catalog has the delete.
    await bench.answer(resultOf(await bench.takeOnly(), 'superseded'));
    expect(bench.row(fileId)).toMatchObject({ want: 'present', state: 'pending' });
    expect(await bench.jobs()).toEqual([]);
    bench.remove(fileId);
    expect(await bench.takeOnly()).toMatchObject({ operation: 'delete', items: [{ generation: 2 }] });
    expect(bench.replication.status()[0]).toMatchObject({ state: 'online', lastError: undefined });
  });

  it('that failed puts the file off, further each time, and shows it as failed in the end', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const waits: number[] = [];
    const states: (string | undefined)[] = [];
    for (let attempt = 0; attempt < 8; attempt += 1) {
      const job = await bench.takeOnly();
      await bench.answer(resultOf(job, 'failed', CORRUPT));
      states.push(bench.row(fileId)?.state);
      expect(bench.replication.status()[0]).toMatchObject({ state: 'degraded', lastError: CORRUPT });
      const failedAtMs = bench.time.now();
      while (bench.queue.waiting.size === 0) await bench.time.advance(500);
      waits.push(bench.time.now() - failedAtMs);
    }
    expect(waits).toEqual(waits.toSorted((left, right) => left - right));
    expect(waits[0]).toBeLessThan(5_000);
    expect(waits.at(-1)).toBeGreaterThan(4 * MINUTE);
    expect(states).toEqual([...Array<string>(5).fill('pending'), ...Array<string>(3).fill('failed')]);
    await bench.answer(resultOf(await bench.takeOnly()));
    expect(bench.row(fileId)?.state).toBe('done');
    expect(bench.replication.status()[0]?.state).toBe('online');
  });

  it('of a worker that was told to stop says nothing against the file or the store', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const stopped = { code: 'job_interrupted', message: 'The worker stops.' };
    await bench.answer(resultOf(await bench.takeOnly(), 'failed', stopped));
    expect(bench.row(fileId)).toMatchObject({ state: 'pending', lastError: undefined });
    expect(bench.replication.status()[0]).toMatchObject({ state: 'online', lastError: undefined });
  });

  it('without a word on its files is no reason to ask at once', async () => {
    await using bench = await ReplicationBench.open(ONE);
    bench.put();
    await bench.answer({ ...resultOf(await bench.takeOnly()), items: [] });
    expect(await bench.jobs()).toEqual([]);
    await bench.time.advance(2_000);
    expect(await bench.jobs()).toHaveLength(1);
  });

  it('is refused by replication that has stopped, so that the queue keeps it', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const job = await bench.takeOnly();
    await bench.replication.stop(1_000);
    expect(await bench.queue.deliver(resultOf(job))).toBe(false);
    expect(bench.row(fileId)?.state).toBe('pending');
  });
});

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
    expect((await bench.takeOnly()).items).toHaveLength(10);
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
    const [later] = [bench.put()];
    await bench.answer(resultOf(await bench.takeOnly(B)));
    expect(bench.row(later!, B)?.state).toBe('done');
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

describe('waiting for copies', () => {
  const wait = { count: 2, timeoutMs: 10_000 };

  it('ends with the copy that makes them enough', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    let copies: number | undefined;
    const waiting = bench.replication.waitForCopies({ fileId, ...wait }).then((count) => (copies = count));
    await bench.answer(resultOf(await bench.takeOnly(A)));
    expect(copies).toBeUndefined();
    await bench.answer(resultOf(await bench.takeOnly(B)));
    await waiting;
    expect(copies).toBe(2);
    expect(await bench.replication.waitForCopies({ fileId, ...wait })).toBe(2);
  });

  it('ends with what there is at the time-out, at an abort, and when replication stops', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    await bench.answer(resultOf(await bench.takeOnly(A)));
    const abort = new AbortController();
    const timedOut = bench.replication.waitForCopies({ fileId, ...wait });
    const aborted = bench.replication.waitForCopies({ fileId, ...wait, timeoutMs: MINUTE, signal: abort.signal });
    const stopped = bench.replication.waitForCopies({ fileId, ...wait, timeoutMs: MINUTE });
    await bench.time.advance(10_000);
    expect(await timedOut).toBe(1);
    abort.abort();
    expect(await aborted).toBe(1);
    await bench.replication.stop(0);
    expect(await stopped).toBe(1);
    expect(await bench.replication.waitForCopies({ fileId, ...wait })).toBe(1);
  });

  it('does not count what the primary was repaired with, nor a copy that is to be deleted', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    await bench.answer(resultOf(await bench.takeOnly(A)));
    bench.replication.oweRepair(fileId);
    await bench.answer(resultOf(await bench.takeOnly(PRIMARY)));
    expect(bench.row(fileId, PRIMARY)?.state).toBe('done');
    expect(await bench.replication.waitForCopies({ fileId, count: 1, timeoutMs: 0 })).toBe(1);
    bench.remove(fileId);
    const none = bench.replication.waitForCopies({ fileId, count: 1, timeoutMs: 1 });
    await bench.time.advance(1);
    expect(await none).toBe(0);
  });
});

describe('a repair of the primary', () => {
  it('reads from a replica that holds the file, another one at each attempt', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    for (const storeId of [A, B]) await bench.answer(resultOf(await bench.takeOnly(storeId)));
    bench.replication.oweRepair(fileId);
    const sources: StoreId[] = [];
    for (let attempt = 0; attempt < 2; attempt += 1) {
      while ((await bench.jobs(PRIMARY)).length === 0) await bench.time.advance(500);
      const job = await bench.takeOnly(PRIMARY);
      expect(job.operation).toBe('repair');
      sources.push(job.sourceId);
      await bench.answer(resultOf(job, 'failed', { code: 'chunk_corrupt', message: 'Not there either.' }));
    }
    expect(sources.toSorted()).toEqual([A, B]);
  });

  it('goes to the next replica where the first cannot be reached', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    for (const storeId of [A, B]) await bench.answer(resultOf(await bench.takeOnly(storeId)));
    bench.replication.oweRepair(fileId);
    const first = await bench.takeOnly(PRIMARY);
    await bench.answer(storeFailure(first, 'store_unreachable', first.sourceId));
    while ((await bench.jobs(PRIMARY)).length === 0) await bench.time.advance(500);
    const second = await bench.takeOnly(PRIMARY);
    expect(second.sourceId).not.toBe(first.sourceId);
    await bench.answer(resultOf(second));
    expect(bench.row(fileId, PRIMARY)).toMatchObject({ state: 'done' });
  });

  it('waits where no replica holds the file, and follows the copy that makes one', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const copy = await bench.takeOnly();
    bench.replication.oweRepair(fileId);
    expect(await bench.jobs(PRIMARY)).toEqual([]);
    expect(bench.row(fileId, PRIMARY)?.lastError).toMatch(/No replica/);
    await bench.answer(resultOf(copy));
    await bench.time.advance(MINUTE);
    expect(await bench.takeOnly(PRIMARY)).toMatchObject({ operation: 'repair', sourceId: A });
  });

  it('is owed where a copy finds the primary damaged, if a replica can give it', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    const corrupt = { code: 'chunk_corrupt', message: 'The primary has other bytes.' };
    await bench.answer(resultOf(await bench.takeOnly(A), 'failed', corrupt));
    expect(bench.row(fileId, PRIMARY)).toBeUndefined();
    await bench.answer(resultOf(await bench.takeOnly(B)));
    await bench.time.advance(2_000);
    await bench.answer(resultOf(await bench.takeOnly(A), 'failed', corrupt));
    expect(await bench.takeOnly(PRIMARY)).toMatchObject({ operation: 'repair', sourceId: B, items: [{ fileId }] });
  });

  it('of a file that was deleted meanwhile is over', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    await bench.answer(resultOf(await bench.takeOnly()));
    bench.replication.oweRepair(fileId);
    const repair = await bench.takeOnly(PRIMARY);
    bench.remove(fileId);
    await bench.answer(resultOf(repair, 'superseded'));
    expect(bench.row(fileId, PRIMARY)?.state).toBe('done');
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
    expect(sync.total).toBe(2);
    expect(sync.progress()).toEqual({ done: 0, failed: 2, left: 0 });
    expect(bench.row(fileId, A)?.state).toBe('pending');
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
  it('a replica that joins is owed every file; one that left shows what was left', async () => {
    await using bench = await ReplicationBench.open({ replicaIds: [A] });
    const fileIds = [bench.put(), bench.put()];
    await bench.answer(resultOf(await bench.takeOnly()));
    bench.put();
    bench.setReplicas([B]);
    await bench.restart();
    const job = await bench.takeOnly(B);
    expect(job.items.map(({ fileId }) => fileId)).toEqual(expect.arrayContaining(fileIds));
    expect(job.items).toHaveLength(3);
    expect(bench.replication.status()).toMatchObject([
      { storeId: B, name: 'b', state: 'online', lag: { files: 3 } },
      { storeId: A, state: 'draining', lag: { files: 1 }, obligations: { put: 1 } },
    ]);
    expect(await bench.jobs(A)).toEqual([]);
  });
});

it('after the clock was put back far nothing waits for the old time', async () => {
  await using bench = await ReplicationBench.open(ONE);
  const fileId = bench.put();
  await bench.answer(resultOf(await bench.takeOnly(), 'failed', CORRUPT));
  bench.time.setClock(10);
  await bench.time.advance(10_000);
  await bench.answer(resultOf(await bench.takeOnly()));
  expect(bench.row(fileId)?.state).toBe('done');
});
