/** What needs no uploads; the races with them are in test/garbage/. */
import { openApplyBench } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { holdReadTransaction } from '#libs/catalog/testing';
import type { ChunkId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GarbageCollector } from './garbage-collector.js';

const MANY = 20_000;
const MIB = 1024 * 1024;

const chunkIds = (count: number): ChunkId[] =>
  Array.from({ length: count }, (_, index) => createHash('sha256').update(`${index}`).digest('hex') as ChunkId);

const collectorOf = (bench: ApplyBench): GarbageCollector =>
  new GarbageCollector({ ...bench, clock: { now: () => 1000 }, log: silentLog, graceMs: 0 });

async function passSteps(collector: GarbageCollector): Promise<number> {
  let steps = 1;
  for (; (await collector.step()) === 'busy'; steps += 1);
  return steps;
}

async function sqliteLogBytes({ catalogPath }: ApplyBench): Promise<number> {
  return (await stat(`${catalogPath}-wal`)).size;
}

it('forgets any number of chunks, in bounded steps, without letting SQLite’s log grow with them', async () => {
  await using bench = await openApplyBench();
  bench.catalog.garbage.note(chunkIds(MANY), 1);
  bench.catalog.makeDurable();
  expect(await passSteps(collectorOf(bench))).toBeGreaterThan(MANY / 256);
  expect(bench.catalog.garbage.page({ untilMs: 1000, limit: 1 })).toEqual([]);
  expect(await sqliteLogBytes(bench)).toBeLessThan(24 * MIB);
});

it('sweeps any number of orphans, in bounded steps', async () => {
  await using bench = await openApplyBench();
  const orphans = chunkIds(1100);
  const staged = `${dirname(bench.primary.pathOf({ kind: 'chunk', id: orphans[0]! }))}/staged`;
  for (const id of orphans) {
    await bench.fs.replaceFile(bench.primary.pathOf({ kind: 'chunk', id }), Buffer.from('orphan'), staged);
  }
  const collector = collectorOf(bench);
  expect(await passSteps(collector)).toBeGreaterThan(2);
  expect(bench.catalog.garbage.page({ untilMs: 1000, limit: 2000 })).toHaveLength(1100);
  await passSteps(collector);
  expect((await bench.primary.list('chunk', { limit: 1 })).ids).toEqual([]);
});

it('goes on where somebody who reads the catalog keeps its log from being emptied', async () => {
  await using bench = await openApplyBench();
  bench.catalog.garbage.note(chunkIds(MANY), 1);
  const reader = holdReadTransaction(bench.catalogPath);
  await passSteps(collectorOf(bench));
  expect(bench.catalog.garbage.page({ untilMs: 1000, limit: 1 })).toEqual([]);
  reader.release();
});

describe('a directory of chunks', () => {
  const RETRY_MS = 10 * 60_000;
  const clock = { nowMs: 1000, now: () => clock.nowMs };
  const garbageOf = ({ catalog }: ApplyBench): number =>
    catalog.garbage.page({ untilMs: clock.nowMs, limit: 9 }).length;

  async function orphan({ fs, primary }: ApplyBench, id: ChunkId): Promise<void> {
    const path = primary.pathOf({ kind: 'chunk', id });
    await fs.replaceFile(path, Buffer.from('orphan'), `${dirname(path)}/staged`);
  }

  /** The listing of chunks fails so, until it is mended. */
  function failListing({ primary }: ApplyBench, code: string): { mend: () => void } {
    const list = primary.list.bind(primary);
    primary.list = async (kind, query) => {
      if (kind !== 'chunk' || (code === 'ENOENT' && query.gaps === 'skip')) return list(kind, query);
      throw Object.assign(new Error(code), { code });
    };
    return { mend: () => (primary.list = list) };
  }

  it.each(['EIO', 'EACCES'])(
    'that cannot be read (%s) costs the sweep, and nothing else; then it is swept',
    async (code) => {
      await using bench = await openApplyBench();
      const [noted, unknown] = chunkIds(2) as [ChunkId, ChunkId];
      await orphan(bench, unknown);
      const listing = failListing(bench, code);
      let rounds = 0;
      const tombstoneExpiry = { step: async () => ((rounds += 1), 'idle' as const) };
      const collector = new GarbageCollector({ ...bench, tombstoneExpiry, clock, log: silentLog, graceMs: 0 });
      await expect(passSteps(collector)).rejects.toMatchObject({ code });
      await orphan(bench, noted);
      bench.catalog.garbage.note([noted], 1);
      await passSteps(collector);
      expect([garbageOf(bench), rounds]).toEqual([0, 1]);
      expect(await bench.primary.has({ kind: 'chunk', id: noted })).toBeUndefined();
      clock.nowMs += RETRY_MS;
      await expect(passSteps(collector)).rejects.toMatchObject({ code });
      listing.mend();
      clock.nowMs += RETRY_MS;
      for (let pass = 0; pass < 2; pass += 1) await passSteps(collector);
      expect((await bench.primary.list('chunk', { limit: 1 })).ids).toEqual([]);
    },
  );

  it('that was removed keeps no other from being swept, and all are swept again soon', async () => {
    await using bench = await openApplyBench();
    const [first, second] = chunkIds(2) as [ChunkId, ChunkId];
    await orphan(bench, first);
    const listing = failListing(bench, 'ENOENT');
    const collector = new GarbageCollector({ ...bench, clock, log: silentLog, graceMs: 0 });
    for (let pass = 0; pass < 2; pass += 1) await passSteps(collector);
    listing.mend();
    expect((await bench.primary.list('chunk', { limit: 1 })).ids).toEqual([]);
    // As an upload that was interrupted leaves it, in a directory that is back.
    await orphan(bench, second);
    clock.nowMs += RETRY_MS;
    for (let pass = 0; pass < 2; pass += 1) await passSteps(collector);
    expect((await bench.primary.list('chunk', { limit: 1 })).ids).toEqual([]);
  });
});

it('kept deletes that cannot be listed keep nothing from being swept', async () => {
  await using bench = await openApplyBench();
  bench.primary.deleted.page = async () => {
    throw Object.assign(new Error('EIO'), { code: 'EIO' });
  };
  const clock = { nowMs: 1_000_000_000, now: () => clock.nowMs };
  const collector = new GarbageCollector({ ...bench, clock, log: silentLog, graceMs: 60_000 });
  await expect(passSteps(collector)).rejects.toMatchObject({ code: 'EIO' });
  const [id] = chunkIds(1) as [ChunkId];
  const path = bench.primary.pathOf({ kind: 'chunk', id });
  await bench.fs.replaceFile(path, Buffer.from('orphan'), `${dirname(path)}/staged`);
  await passSteps(collector);
  clock.nowMs += 60_000;
  // Its own phase is due again in this pass.
  await expect(passSteps(collector)).rejects.toMatchObject({ code: 'EIO' });
  expect((await bench.primary.list('chunk', { limit: 1 })).ids).toEqual([]);
});
