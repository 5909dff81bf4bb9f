/** What a replica that joins is told of deletes of before. */
import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Catalog, CatalogChange } from './catalog.js';
import type { Obligation } from './obligations.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const [OLD, NEW, PRIMARY] = ['a', 'b', 'c'].map((digit) => `5704e000-0000-4000-8000-00000000000${digit}`) as [
  StoreId,
  StoreId,
  StoreId,
];

let root: string;
let catalog: Catalog;
let appliedLsn = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-filling-'));
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function apply(changes: readonly CatalogChange[], replicaIds: readonly StoreId[]): void {
  appliedLsn += 1;
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(appliedLsn), replicaIds, nowMs: 100 });
}

/** In the order of their ids. */
function put(count: number, replicaIds: readonly StoreId[] = [OLD]): FileId[] {
  const fileIds = Array.from({ length: count }, () => newFileId(1)).toSorted();
  const rest = { contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const known = { fileName: '', fileSize: 10, ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  apply(
    fileIds.map((fileId) => ({ kind: 'put', entry: { ...known, fileId }, chunkIds: [] })),
    replicaIds,
  );
  return fileIds;
}

function remove(fileIds: readonly FileId[], replicaIds: readonly StoreId[] = [OLD]): void {
  apply(
    fileIds.map((fileId) => ({ kind: 'delete', fileId })),
    replicaIds,
  );
}

function confirmDeletes(fileIds: readonly FileId[], storeId = OLD): void {
  const deletes = fileIds.map((fileId) => ({ fileId, storeId, generation: 2, want: 'absent' as const }));
  expect(catalog.obligations.close(deletes, 200)).toHaveLength(fileIds.length);
}

function fill(limit = 3): void {
  while (catalog.obligations.fill({ storeId: NEW, limit, nowMs: 500 }) === 'more');
}

const rowOf = (fileId: FileId, storeId = NEW): Obligation | undefined =>
  catalog.obligations.of(fileId).find((row) => row.storeId === storeId);

it('is every one that is remembered, confirmed elsewhere or not, beside every file that is there', () => {
  const fileIds = put(10);
  const deleted = fileIds.filter((_fileId, index) => index % 2 === 0);
  remove(deleted);
  confirmDeletes(deleted.slice(0, 2));
  fill();
  for (const fileId of deleted) {
    const told = { want: 'absent', operation: 'delete', state: 'pending', generation: 1 };
    expect(rowOf(fileId)).toMatchObject(told);
  }
  expect(catalog.obligations.load(NEW).counts).toEqual({ put: 5, delete: 5, repair: 0 });
  expect(rowOf(deleted[0]!, OLD)).toMatchObject({ state: 'done', generation: 2 });
});

it('goes on where it was through restarts in between', async () => {
  const fileIds = put(8);
  remove(fileIds);
  const filled: string[] = [];
  do {
    await catalog.close();
    const reading = await openCatalog(nodeFileSystem, join(root, 'catalog.db'));
    if (!reading.ok) throw new Error(reading.reason);
    catalog = reading.catalog;
    filled.push(catalog.obligations.fill({ storeId: NEW, limit: 3, nowMs: 500 }));
  } while (filled.at(-1) === 'more' && filled.length < 20);
  expect(filled.at(-1)).toBe('filled');
  expect(fileIds.map((fileId) => rowOf(fileId)?.generation)).toEqual(fileIds.map(() => 1));
});

it('is no order that it has already', () => {
  const [pending, confirmed] = put(2, [OLD, NEW]) as [FileId, FileId];
  remove([pending, confirmed], [OLD, NEW]);
  confirmDeletes([confirmed], NEW);
  fill();
  expect(rowOf(pending)).toMatchObject({ state: 'pending', generation: 2 });
  expect(rowOf(confirmed)).toMatchObject({ state: 'done', generation: 2 });
});

it('is none whose tombstones are expiring: the one to put may be gone', () => {
  const fileIds = put(2);
  const [kept, expiring] = fileIds as [FileId, FileId];
  remove(fileIds);
  confirmDeletes([expiring]);
  const start = { primaryId: PRIMARY, replicaIds: [OLD], untilMs: 200, nowMs: 300 };
  expect(catalog.expiringDeletes.begin({ ...start, fileIds: [expiring] })).toEqual([expiring]);
  fill();
  expect(rowOf(kept)).toMatchObject({ want: 'absent' });
  expect(rowOf(expiring)).toBeUndefined();
});

it('keeps the tombstones from expiring until the replica that joined has held them as long', () => {
  const fileIds = put(1);
  remove(fileIds);
  confirmDeletes(fileIds);
  const ripeness = { fileId: fileIds[0]!, primaryId: PRIMARY, untilMs: 10_000 };
  expect(catalog.expiringDeletes.isRipe(ripeness)).toBe(true);
  fill();
  expect(catalog.expiringDeletes.isRipe(ripeness)).toBe(false);
  catalog.obligations.close([{ fileId: fileIds[0]!, storeId: NEW, generation: 1, want: 'absent' }], 10_001);
  expect(catalog.expiringDeletes.isRipe(ripeness)).toBe(false);
  expect(catalog.expiringDeletes.isRipe({ ...ripeness, untilMs: 10_001 })).toBe(true);
});
