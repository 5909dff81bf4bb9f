/** What needs no uploads; the races with them are in test/garbage/. */
import { openApplyBench } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { holdReadTransaction } from '#libs/catalog/testing';
import type { ChunkId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
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
