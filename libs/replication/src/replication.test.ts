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

  it('is offered again where the queue forgot it, soon and long before its deadline', async () => {
    await using bench = await ReplicationBench.open(ONE);
    const fileId = bench.put();
    const forgotten = await bench.takeOnly();
    await bench.time.advance(5_000);
    expect(await bench.jobs()).toEqual([]);
    await bench.time.advance(15_000);
    const again = await bench.takeOnly();
    expect(again).toEqual(forgotten);
    await bench.answer(resultOf(again));
    expect(bench.row(fileId)?.state).toBe('done');
    // The answer that was thought lost changes nothing any more.
    await bench.answer(resultOf(forgotten, 'failed', CORRUPT));
    expect(bench.row(fileId)?.state).toBe('done');
    expect(bench.replication.status()[0]?.state).toBe('online');
  });

  it('is handed out anew, with a new deadline, where a worker took it only behind the old one', async () => {
    await using bench = await ReplicationBench.open(ONE);
    bench.put();
    const [job] = await bench.jobs();
    await bench.time.advance(job!.deadlineMs - bench.time.now() + MINUTE);
    const overdue = await bench.takeOnly();
    expect(overdue).toEqual(job);
    const late = { code: 'job_overdue', message: 'Too late.' };
    await bench.answer(resultOf(overdue, 'failed', late));
    // It may have been the workers that were away.
    expect(bench.row(overdue.items[0]!.fileId)).toMatchObject({ state: 'pending', lastError: undefined });
    expect(bench.replication.status()[0]?.state).toBe('online');
    await bench.time.advance(MINUTE);
    const anew = await bench.takeOnly();
    expect(anew.items.map(({ fileId }) => fileId)).toEqual(overdue.items.map(({ fileId }) => fileId));
    expect(anew.deadlineMs).toBeGreaterThan(bench.time.now());
    // Again: the store is too slow.
    await bench.answer(resultOf(anew, 'failed', late));
    expect(bench.replication.status()[0]).toMatchObject({ state: 'degraded', lastError: late });
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
  // A worker on the machine of the primary was told of a lost write that the next checkpoint will not be told of.
  it.each(['a job', 'a job of a catalog that is gone', 'a job for a store that is gone'])(
    'of %s that knows of a lost write says so, whatever it closes',
    async (what) => {
      const told: string[] = [];
      await using bench = await ReplicationBench.open({ ...ONE, lostWrite: ({ message }) => void told.push(message) });
      bench.put();
      const result = { ...resultOf(await bench.takeOnly()), lostWrite: { code: 'EIO', message: 'lost' } };
      await bench.answer(
        what === 'a job'
          ? result
          : what.includes('catalog')
            ? { ...result, catalogId: 'ca7a1060-0000-4000-8000-00000000dead' as CatalogId }
            : { ...result, targetId: '5704e000-0000-4000-8000-00000000dead' as StoreId },
      );
      expect(told).toEqual(['lost']);
    },
  );

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

  it('ends with what there is at the time-out, and when replication stops', async () => {
    await using bench = await ReplicationBench.open();
    const fileId = bench.put();
    await bench.answer(resultOf(await bench.takeOnly(A)));
    const timedOut = bench.replication.waitForCopies({ fileId, ...wait });
    const stopped = bench.replication.waitForCopies({ fileId, ...wait, timeoutMs: MINUTE });
    await bench.time.advance(10_000);
    expect(await timedOut).toBe(1);
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
    // It is the replica that failed: other repairs do not wait.
    const other = bench.put();
    for (const storeId of [A, B].filter((id) => id !== first.sourceId)) {
      await bench.answer(resultOf(await bench.takeOnly(storeId)));
    }
    bench.replication.oweRepair(other);
    expect((await bench.takeOnly(PRIMARY)).items).toMatchObject([{ fileId: other }]);
    expect(bench.replication.status().find(({ storeId }) => storeId === first.sourceId)?.state).toBe('degraded');
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

it('after the clock was put back far nothing waits for the old time', async () => {
  await using bench = await ReplicationBench.open(ONE);
  const fileId = bench.put();
  await bench.answer(resultOf(await bench.takeOnly(), 'failed', CORRUPT));
  bench.time.setClock(10);
  await bench.time.advance(10_000);
  await bench.answer(resultOf(await bench.takeOnly()));
  expect(bench.row(fileId)?.state).toBe('done');
});
