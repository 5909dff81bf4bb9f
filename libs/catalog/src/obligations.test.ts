import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog, CatalogBatch, CatalogChange } from './catalog.js';
import { catalogSource } from './catalog-source.js';
import type { Closing, DueObligation, Obligation } from './obligations.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const [A, B] = ['5704e000-0000-4000-8000-00000000000a', '5704e000-0000-4000-8000-00000000000b'] as StoreId[] as [
  StoreId,
  StoreId,
];

let root: string;
let path: string;
let catalog: Catalog;
let appliedLsn = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-obligations-'));
  path = join(root, 'catalog.db');
  catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function put(fileId: FileId, fileSize = 10): CatalogChange {
  const rest = { contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: '', fileSize, ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  return { kind: 'put', entry, chunkIds: [] };
}

const remove = (fileId: FileId): CatalogChange => ({ kind: 'delete', fileId });

function apply(changes: readonly CatalogChange[], batch: Partial<CatalogBatch> = {}): void {
  appliedLsn += 1;
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(appliedLsn), replicaIds: [A], nowMs: 100, ...batch });
}

/** `count` files that have been put, in the order of their ids. */
function putMany(count: number, batch: Partial<CatalogBatch> = {}): FileId[] {
  const fileIds = Array.from({ length: count }, () => newFileId(1)).toSorted();
  apply(
    fileIds.map((fileId) => put(fileId)),
    batch,
  );
  return fileIds;
}

const due = (storeId = A, nowMs = 100, limit = 1000): DueObligation[] =>
  catalog.obligations.due({ storeId, nowMs, limit, except: new Set() });
const rowOf = (fileId: FileId, storeId = A): Obligation | undefined =>
  catalog.obligations.of(fileId).find((row) => row.storeId === storeId);
const order = (fileId: FileId, changes: Partial<Closing> = {}): Closing => ({
  fileId,
  storeId: A,
  generation: 1,
  want: 'present',
  ...changes,
});

describe('what is due', () => {
  it('comes longest due first, in pages, without what the caller has in hand and without other stores', () => {
    const later = putMany(3, { nowMs: 90 });
    const first = putMany(3, { nowMs: 50 });
    putMany(2, { nowMs: 101 });
    putMany(2, { nowMs: 10, replicaIds: [B] });
    expect(new Set(due().map(({ fileId }) => fileId))).toEqual(new Set([...first, ...later]));
    expect(new Set(due(A, 100, 3).map(({ fileId }) => fileId))).toEqual(new Set(first));
    const except = new Set(first);
    const page = catalog.obligations.due({ storeId: A, nowMs: 100, limit: 2, except });
    expect(page).toHaveLength(2);
    for (const { fileId } of page) expect(later).toContain(fileId);
  });

  it('says what is asked for: the operation, the order, how often it was tried, the size', () => {
    const fileId = newFileId(1);
    apply([put(fileId, 77)]);
    expect(due()).toEqual([{ fileId, operation: 'copy', generation: 1, attempts: 0, sizeBytes: 77 }]);
    apply([remove(fileId)]);
    expect(due()).toEqual([{ fileId, operation: 'delete', generation: 2, attempts: 0, sizeBytes: 0 }]);
    const rebuilt = newFileId(1);
    apply([put(rebuilt)], { putOperation: 'verify', replicaIds: [B] });
    expect(due(B)).toMatchObject([{ fileId: rebuilt, operation: 'verify' }]);
  });

  it('includes what failed, once its time has come, and says when that is', () => {
    const [fileId] = putMany(1) as [FileId];
    const failure = { nextAttemptAtMs: 500, state: 'failed' as const, error: 'EIO: broken' };
    catalog.obligations.postpone([{ ...order(fileId), ...failure, state: 'pending' }]);
    expect(catalog.obligations.isAnyFailed(A)).toBe(false);
    catalog.obligations.postpone([{ ...order(fileId), ...failure }]);
    expect([A, B].map((storeId) => catalog.obligations.isAnyFailed(storeId))).toEqual([true, false]);
    expect(due(A, 499)).toEqual([]);
    expect(catalog.obligations.nextDueMs({ storeId: A, nowMs: 499 })).toBe(500);
    expect(due(A, 500)).toMatchObject([{ fileId, attempts: 2 }]);
    expect(catalog.obligations.nextDueMs({ storeId: A, nowMs: 500 })).toBeUndefined();
    expect(rowOf(fileId)).toMatchObject({ state: 'failed', attempts: 2, lastError: 'EIO: broken' });
  });

  it('after the clock was put back does not wait for a time that is far away', () => {
    const [fileId] = putMany(1, { nowMs: 10_000_000 }) as [FileId];
    catalog.obligations.rejuvenate({ storeId: A, nowMs: 100, latestMs: 10_000_000 });
    expect(due()).toEqual([]);
    catalog.obligations.rejuvenate({ storeId: A, nowMs: 100, latestMs: 9_999_999 });
    expect(due()).toMatchObject([{ fileId, generation: 1 }]);
  });
});

describe('an answer', () => {
  it('closes the order it is of, once', () => {
    const [fileId] = putMany(1) as [FileId];
    expect(catalog.obligations.close([order(fileId)], 200)).toEqual([order(fileId)]);
    expect(rowOf(fileId)).toMatchObject({ state: 'done', generation: 1 });
    expect(catalog.obligations.close([order(fileId)], 300)).toEqual([]);
    expect(due()).toEqual([]);
  });

  it.each([
    ['an older generation', { generation: 1 }],
    ['a generation that was never given', { generation: 3 }],
    ['another store', { generation: 2, want: 'absent' as const, storeId: B }],
    ['the same generation of another want', { generation: 2, want: 'present' as const }],
  ])('of %s closes nothing and puts nothing off', (_, changes) => {
    const [fileId] = putMany(1) as [FileId];
    apply([remove(fileId)]);
    const wrong = order(fileId, changes);
    expect(catalog.obligations.close([wrong], 200)).toEqual([]);
    expect(catalog.obligations.postpone([{ ...wrong, nextAttemptAtMs: 900, state: 'failed' }])).toEqual([]);
    expect(due()).toMatchObject([{ fileId, operation: 'delete', generation: 2, attempts: 0 }]);
  });

  it('to an order that was confirmed puts nothing off', () => {
    const [fileId] = putMany(1) as [FileId];
    catalog.obligations.close([order(fileId)], 200);
    expect(catalog.obligations.postpone([{ ...order(fileId), nextAttemptAtMs: 900, state: 'pending' }])).toEqual([]);
    expect(rowOf(fileId)).toMatchObject({ state: 'done', attempts: 0 });
  });

  it('with an error that is longer than the column is kept in part', () => {
    const [fileId] = putMany(1) as [FileId];
    const error = 'x'.repeat(10_000);
    catalog.obligations.postpone([{ ...order(fileId), nextAttemptAtMs: 900, state: 'pending', error }]);
    expect(rowOf(fileId)?.lastError).toBe('x'.repeat(255));
  });

  it('is forgotten by the next order: attempts, error and age begin anew', () => {
    const [fileId] = putMany(1) as [FileId];
    catalog.obligations.postpone([{ ...order(fileId), nextAttemptAtMs: 900, state: 'failed', error: 'EIO' }]);
    apply([remove(fileId)], { nowMs: 300 });
    const fresh = { state: 'pending', attempts: 0, lastError: undefined, generation: 2, want: 'absent' };
    expect(rowOf(fileId)).toMatchObject(fresh);
    expect(catalog.obligations.load(A).oldestSinceMs).toBe(300);
  });
});

describe('the load of a store', () => {
  it('counts what is owed by what it is, with its bytes and the oldest of it', () => {
    const [first, second, third] = putMany(3, { nowMs: 50 }) as [FileId, FileId, FileId];
    apply([remove(second)], { nowMs: 60 });
    catalog.obligations.close([order(first), order(third)], 70);
    catalog.obligations.owe({ fileId: third, storeId: A, operation: 'repair', nowMs: 80 });
    expect(catalog.obligations.load(A)).toEqual({
      counts: { put: 0, delete: 1, repair: 1 },
      files: 2,
      bytes: 10,
      oldestSinceMs: 60,
    });
    expect(catalog.obligations.load(B)).toMatchObject({ files: 0, bytes: 0, oldestSinceMs: undefined });
    expect(catalog.obligations.storeIds()).toEqual([A]);
    putMany(1, { replicaIds: [B] });
    expect(catalog.obligations.storeIds()).toEqual([A, B]);
  });

  it('tells what was tried since from what was not, and leaves out what is newer', () => {
    const [done, failed] = putMany(4, { nowMs: 50 }) as [FileId, FileId];
    catalog.obligations.close([order(done)], 60);
    catalog.obligations.postpone([{ ...order(failed), nextAttemptAtMs: 500, state: 'pending' }]);
    putMany(5, { nowMs: 101 });
    expect(catalog.obligations.owedSince({ storeId: A, sinceMs: 100 })).toEqual({ waiting: 2, postponed: 1 });
  });
});

describe('a repair', () => {
  it('of what is done is a new order', () => {
    const [fileId] = putMany(1) as [FileId];
    catalog.obligations.close([order(fileId)], 200);
    catalog.obligations.owe({ fileId, storeId: A, operation: 'repair', nowMs: 300 });
    expect(due(A, 300)).toEqual([{ fileId, operation: 'repair', generation: 2, attempts: 0, sizeBytes: 10 }]);
    expect(catalog.obligations.close([order(fileId)], 400)).toEqual([]);
  });

  it('of what is owed already only makes it due now', () => {
    const [fileId] = putMany(1) as [FileId];
    catalog.obligations.postpone([{ ...order(fileId), nextAttemptAtMs: 900, state: 'failed' }]);
    catalog.obligations.owe({ fileId, storeId: A, operation: 'repair', nowMs: 300 });
    expect(due(A, 300)).toMatchObject([{ fileId, operation: 'copy', generation: 1, attempts: 1 }]);
  });

  it('of a store that was never owed the file, such as the primary, is its first order', () => {
    const [fileId] = putMany(1) as [FileId];
    catalog.obligations.owe({ fileId, storeId: B, operation: 'repair', nowMs: 300 });
    expect(due(B, 300)).toMatchObject([{ fileId, operation: 'repair', generation: 1, sizeBytes: 10 }]);
  });

  it.each(['pending', 'done'])('of a deleted file is no order at all, with its delete %s', (state) => {
    const [fileId] = putMany(1) as [FileId];
    apply([remove(fileId)]);
    if (state === 'done') catalog.obligations.close([order(fileId, { generation: 2, want: 'absent' })], 200);
    catalog.obligations.owe({ fileId, storeId: A, operation: 'repair', nowMs: 300 });
    catalog.obligations.owe({ fileId, storeId: B, operation: 'repair', nowMs: 300 });
    expect(catalog.obligations.of(fileId)).toMatchObject([{ storeId: A, want: 'absent', state, generation: 2 }]);
  });
});

it('a sync makes what is put off due now, a page at a time, and nothing else', () => {
  const fileIds = putMany(5);
  const later = { nextAttemptAtMs: 900, state: 'failed' as const };
  catalog.obligations.postpone(fileIds.map((fileId) => ({ ...order(fileId), ...later })));
  putMany(1, { nowMs: 900, replicaIds: [B] });
  const page = { storeId: A, nowMs: 100, limit: 3 };
  expect([1, 2, 3].map(() => catalog.obligations.makeDueNow(page))).toEqual([3, 2, 0]);
  expect(due()).toHaveLength(5);
  expect(due(B)).toEqual([]);
});

describe('filling', () => {
  function fillAll(storeId: StoreId, limit = 3): number {
    for (let pages = 1; ; pages += 1) {
      if (catalog.obligations.fill({ storeId, limit, nowMs: 500 }) === 'filled') return pages;
    }
  }

  it('owes a replica that joins every file, page by page, through restarts in between', async () => {
    const fileIds = putMany(8);
    catalog.obligations.fill({ storeId: B, limit: 3, nowMs: 500 });
    for (let restart = 0; restart < 4; restart += 1) {
      await catalog.close();
      const reading = await openCatalog(nodeFileSystem, path);
      if (!reading.ok) throw new Error(reading.reason);
      catalog = reading.catalog;
      catalog.obligations.fill({ storeId: B, limit: 3, nowMs: 500 });
    }
    fillAll(B);
    const owed = due(B, 500);
    expect(owed.map(({ fileId }) => fileId).toSorted()).toEqual(fileIds);
    expect(new Set(owed.map(({ operation, generation }) => `${operation} ${generation}`))).toEqual(new Set(['copy 1']));
    expect(catalog.obligations.fill({ storeId: B, limit: 3, nowMs: 900 })).toBe('filled');
  });

  it('gives no order twice: not of what apply ordered meanwhile, nor of what is deleted', () => {
    const [first] = putMany(8) as [FileId];
    const [fresh] = putMany(1, { replicaIds: [A, B] }) as [FileId];
    catalog.obligations.fill({ storeId: B, limit: 3, nowMs: 500 });
    apply([remove(first)], { replicaIds: [A, B] });
    fillAll(B);
    expect(rowOf(fresh, B)).toMatchObject({ operation: 'copy', generation: 1 });
    expect(rowOf(first, B)).toMatchObject({ operation: 'delete', want: 'absent' });
    expect(due(B, 500)).toHaveLength(9);
  });

  it('is over at once in a new installation', () => {
    expect(fillAll(B)).toBeLessThanOrEqual(3);
    expect(due(B, 500)).toEqual([]);
  });

  it('of a replica that comes back orders what it missed: deletes, new files, and a look at the rest', () => {
    const [kept, deleted, pending] = putMany(3) as [FileId, FileId, FileId];
    fillAll(A);
    catalog.obligations.close([order(kept), order(deleted)], 200);
    catalog.obligations.keepFilled([A, B]);
    expect(fillAll(A)).toBe(1);
    catalog.obligations.keepFilled([B]);
    apply([remove(deleted)], { replicaIds: [B] });
    const [missed] = putMany(1, { replicaIds: [B] }) as [FileId];
    expect(rowOf(deleted)).toMatchObject({ want: 'present', state: 'done' });

    fillAll(A);
    expect(rowOf(deleted)).toMatchObject({ want: 'absent', state: 'pending', operation: 'delete', generation: 2 });
    expect(rowOf(kept)).toMatchObject({ want: 'present', state: 'pending', operation: 'verify', generation: 2 });
    expect(rowOf(pending)).toMatchObject({ want: 'present', state: 'pending', operation: 'copy', generation: 1 });
    expect(rowOf(missed)).toMatchObject({ want: 'present', state: 'pending', operation: 'copy', generation: 1 });
  });

  it('leaves nothing of a store that is forgotten', () => {
    putMany(5, { replicaIds: [A, B] });
    const page = { storeId: A, limit: 3 };
    expect([1, 2, 3].map(() => catalog.obligations.forgetStore(page))).toEqual([3, 2, 0]);
    expect(catalog.obligations.storeIds()).toEqual([B]);
    expect(due(B)).toHaveLength(5);
  });
});

it('a catalog from before replication owes what it owed', async () => {
  const [kept, deleted] = putMany(2, { nowMs: 70 }) as [FileId, FileId];
  apply([remove(deleted)], { nowMs: 80 });
  await catalog.close();
  const source = await catalogSource(path).initialize();
  // That of unknown chunks came later.
  for (let undone = 0; undone < 2; undone += 1) await source.undoLastMigration();
  await source.destroy();
  const reading = await openCatalog(nodeFileSystem, path);
  if (!reading.ok) throw new Error(reading.reason);
  catalog = reading.catalog;
  expect(due()).toEqual([
    { fileId: kept, operation: 'copy', generation: 1, attempts: 0, sizeBytes: 10 },
    { fileId: deleted, operation: 'delete', generation: 2, attempts: 0, sizeBytes: 0 },
  ]);
  expect(catalog.obligations.load(A).oldestSinceMs).toBe(70);
});

it('is found with an index, however much is owed', () => {
  putMany(1);
  const database = new Database(path, { readonly: true });
  const plan = (sql: string): string =>
    (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
      .map(({ detail }) => detail)
      .join('; ');
  const owed = "store_id = 'a' AND state IN ('pending', 'failed')";
  expect(
    plan(
      "SELECT attempts FROM obligations WHERE store_id = 'a' AND state = 'failed' AND next_attempt_at <= 1 ORDER BY next_attempt_at LIMIT 9",
    ),
  ).toMatch(/^SEARCH obligations USING INDEX obligations_by_due \(store_id=\? AND state=\? AND next_attempt_at<\?\)$/);
  const counted = plan(
    `SELECT operation, COUNT(*), SUM(size), MIN(since) FROM obligations WHERE ${owed} GROUP BY operation`,
  );
  expect(counted).toMatch(/^SEARCH obligations USING COVERING INDEX obligations_by_due/);
  expect(plan("SELECT 1 FROM obligations WHERE store_id = 'a' AND state = 'failed' LIMIT 1")).toMatch(
    /^SEARCH .* USING COVERING INDEX/,
  );
  expect(plan(`SELECT COUNT(*) FROM obligations WHERE ${owed} AND since <= 1`)).toMatch(/USING COVERING INDEX/);
  expect(plan(`UPDATE obligations SET attempts = 0 WHERE ${owed} AND next_attempt_at > 5`)).toMatch(/^SEARCH/);
  database.close();
});

describe('a delete whose tombstones are expiring', () => {
  const [young, old] = [newFileId(1), newFileId(2)];
  const start = { primaryId: B, replicaIds: [A], untilMs: 200, nowMs: 300 };

  beforeEach(() => {
    for (const fileId of [young, old]) {
      apply([put(fileId)]);
      apply([remove(fileId)]);
    }
    catalog.obligations.close([{ fileId: young, storeId: A, generation: 2, want: 'absent' }], 201);
    catalog.obligations.close([{ fileId: old, storeId: A, generation: 2, want: 'absent' }], 200);
  });

  it('is one that was confirmed long enough ago', () => {
    expect(catalog.expiringDeletes.begin({ ...start, fileIds: [young, old] })).toEqual([old]);
    expect(catalog.expiringDeletes.page({ storeId: A, limit: 9 })).toEqual([old]);
  });

  it('is owed to nobody, and nobody can order it anew before it is given up', () => {
    const { obligations, expiringDeletes } = catalog;
    expiringDeletes.begin({ ...start, fileIds: [old] });
    for (const storeId of [A, B]) obligations.oweDelete({ fileId: old, storeId, nowMs: 301 });
    obligations.oweAnew({ fileIds: [old], storeId: A, operation: 'delete', nowMs: 301 });
    expect(obligations.isAnyOwed(A) || obligations.isAnyOwed(B)).toBe(false);
    expiringDeletes.giveUp([old], 302);
    expect(obligations.of(old)).toMatchObject([{ storeId: A, want: 'absent', state: 'pending', generation: 3 }]);
  });

  it('leaves no row, and no late answer makes one', () => {
    const { obligations, expiringDeletes } = catalog;
    expiringDeletes.begin({ ...start, fileIds: [old] });
    expiringDeletes.end([old]);
    const late = { fileId: old, storeId: A } as const;
    expect(obligations.close([{ ...late, generation: 1, want: 'present' }], 400)).toEqual([]);
    expect(obligations.close([{ ...late, generation: 2, want: 'absent' }], 400)).toEqual([]);
    const retry = { nextAttemptAtMs: 500, state: 'failed', error: 'late' } as const;
    expect(obligations.postpone([{ ...late, ...retry, generation: 1, want: 'present' }])).toEqual([]);
    obligations.owe({ ...late, operation: 'repair', nowMs: 400 });
    obligations.oweAnew({ fileIds: [old], storeId: A, operation: 'verify', nowMs: 400 });
    while (obligations.fill({ storeId: A, limit: 9, nowMs: 400 }) === 'more');
    expect(obligations.of(old)).toEqual([]);
  });
});
