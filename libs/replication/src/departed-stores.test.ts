/** Stores that are no longer in the settings: what is known of them goes, and nothing else does. */
import { createCatalog } from '#libs/catalog';
import type { Catalog } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ChunkId, ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { FillTask } from './fill-task.js';
import type { Timers } from './timers.js';

const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const storeId = (digit: number): StoreId => `5704e000-0000-4000-8000-00000000000${digit}` as StoreId;
const [PRIMARY, KEPT, GONE, LONG_GONE] = [storeId(1), storeId(2), storeId(3), storeId(4)];
const CHUNK = 'a'.repeat(64) as ChunkId;
/** More than two pages. */
const FILES = 5_000;

let root: string;
let catalog: Catalog;
let fileIds: FileId[];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-departed-'));
  const clusterId = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), clusterId, async () => undefined);
  fileIds = Array.from({ length: FILES }, () => newFileId(1));
  catalog.apply({
    changes: fileIds.map((fileId) => ({ kind: 'put' as const, entry: entryOf(fileId), chunkIds: [CHUNK] })),
    logId: LOG,
    appliedLsn: lsn(1),
    replicaIds: [KEPT, GONE, LONG_GONE],
    nowMs: 0,
  });
  catalog.obligations.owe({ fileId: fileIds[0]!, storeId: PRIMARY, operation: 'repair', nowMs: 0 });
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function entryOf(fileId: FileId) {
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  return { fileId, fileName: '', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
}

/** Runs what the task asks for, and answers with how many turns that took. */
function run(replicaIds: readonly StoreId[]): number {
  const asked: (() => void)[] = [];
  const timers: Timers = { after: () => () => undefined, soon: (turn) => void asked.push(turn) };
  const clock = { now: () => 1_000 };
  const options = { catalog, primaryId: PRIMARY, replicaIds, clock, timers, log: silentLog, wake: () => undefined };
  new FillTask(options).start();
  let turns = 1;
  for (let turn = asked.shift(); turn !== undefined; turn = asked.shift()) {
    turn();
    turns += 1;
  }
  return turns;
}

it('are forgotten in pages, those that nobody ever confirmed a file for and those that have all of them', () => {
  const order = (fileId: FileId) => ({ fileId, storeId: LONG_GONE, generation: 1, want: 'present' as const });
  catalog.obligations.close(fileIds.map(order), 10);
  catalog.unknownChunks.note([KEPT, GONE], [CHUNK], 0);
  expect(run([KEPT])).toBeGreaterThan((2 * FILES) / 2_000);
  expect(catalog.obligations.storeIds()).toEqual([PRIMARY, KEPT]);
  expect(catalog.unknownChunks.storeIds()).toEqual([KEPT]);
  expect(catalog.obligations.load(KEPT).files).toBe(FILES);
  expect(catalog.obligations.load(PRIMARY).files).toBe(1);
});

it('are owed every file again where they return, even if they left in the middle of being forgotten', () => {
  run([KEPT, GONE, LONG_GONE]);
  // As a process that ended behind the first page.
  catalog.obligations.keepFilled([KEPT]);
  catalog.obligations.forgetStore({ storeId: GONE, limit: 2_000 });
  run([KEPT, GONE]);
  expect(catalog.obligations.load(GONE).files).toBe(FILES);
  expect(catalog.obligations.storeIds()).toEqual([PRIMARY, KEPT, GONE]);
});
