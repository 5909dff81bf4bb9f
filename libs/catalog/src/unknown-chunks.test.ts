import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ChunkId, ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const HERE = '5704e000-0000-4000-8000-000000000001' as StoreId;
const THERE = '5704e000-0000-4000-8000-000000000002' as StoreId;
const chunk = (digit: string): ChunkId => digit.repeat(64) as ChunkId;
const [A, B, C] = [chunk('a'), chunk('b'), chunk('c')];

let root: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-unknown-'));
  const clusterId = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), clusterId, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function put(...chunkIds: ChunkId[]): FileId {
  const fileId = newFileId(1);
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: '', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  catalog.apply({
    changes: [{ kind: 'put', entry, chunkIds }],
    logId: LOG,
    appliedLsn: lsn(1),
    replicaIds: [],
    nowMs: 0,
  });
  return fileId;
}

const pageOf = (storeId: StoreId): ChunkId[] => catalog.unknownChunks.page({ storeId, limit: 10 });

it('are kept by store, and forgotten by store', () => {
  catalog.unknownChunks.note([HERE, THERE], [B, A], 1);
  catalog.unknownChunks.forget(HERE, [A]);
  expect([pageOf(HERE), pageOf(THERE)]).toEqual([[B], [A, B]]);
  expect(catalog.unknownChunks.page({ storeId: THERE, after: A, limit: 10 })).toEqual([B]);
  expect(catalog.unknownChunks.page({ storeId: THERE, limit: 1 })).toEqual([A]);
});

it('touch the files that have one of them, on that store alone', () => {
  const [touched, other] = [put(A, C), put(B)];
  catalog.unknownChunks.note([HERE], [A], 1);
  const touches = (storeId: StoreId, fileId: FileId): boolean => catalog.unknownChunks.touches(storeId, fileId);
  expect([touches(HERE, touched), touches(HERE, other), touches(THERE, touched)]).toEqual([true, false, false]);
});

it('are known again where a file that has them was copied whole', () => {
  const fileId = put(A, C);
  catalog.unknownChunks.note([HERE, THERE], [A, B, C], 1);
  catalog.unknownChunks.settle(HERE, fileId);
  expect([pageOf(HERE), pageOf(THERE)]).toEqual([[B], [A, B, C]]);
});

it('that an earlier process has noted touch their files still', async () => {
  const fileId = put(A);
  catalog.unknownChunks.note([HERE], [A], 1);
  await catalog.close();
  const reading = await openCatalog(nodeFileSystem, join(root, 'catalog.db'));
  if (!reading.ok) throw new Error(reading.reason);
  catalog = reading.catalog;
  expect(catalog.unknownChunks.touches(HERE, fileId)).toBe(true);
  catalog.unknownChunks.settle(HERE, fileId);
  expect([catalog.unknownChunks.touches(HERE, fileId), pageOf(HERE)]).toEqual([false, []]);
});
