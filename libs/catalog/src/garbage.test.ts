import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ChunkId, ClusterId, FileId, LogId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog, CatalogChange } from './catalog.js';
import { catalogSource } from './catalog-source.js';
import type { GarbageChunk } from './garbage.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const ALL = { untilMs: Number.MAX_SAFE_INTEGER, limit: 1000 };
const chunk = (digit: string): ChunkId => digit.repeat(64) as ChunkId;
const [A, B, C] = [chunk('a'), chunk('b'), chunk('c')];

let root: string;
let path: string;
let catalog: Catalog;
let appliedLsn = 0;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-garbage-'));
  path = join(root, 'catalog.db');
  catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function put(fileId: FileId, ...chunkIds: ChunkId[]): CatalogChange {
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: '', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  return { kind: 'put', entry, chunkIds };
}

const remove = (fileId: FileId): CatalogChange => ({ kind: 'delete', fileId });

function apply(nowMs: number, ...changes: CatalogChange[]): void {
  appliedLsn += 1;
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(appliedLsn), replicaIds: [], nowMs });
}

const noted = (): GarbageChunk[] => catalog.garbage.page(ALL);

describe('a delete', () => {
  it('leaves the chunks that no other file refers to as garbage, from its own time on', () => {
    const [first, second] = [newFileId(1), newFileId(1)];
    apply(10, put(first, A, B, A), put(second, B, C));
    expect(noted()).toEqual([]);
    apply(20, remove(first));
    expect(noted()).toEqual([{ chunkId: A, sinceMs: 20 }]);
    apply(30, remove(second));
    expect(noted()).toEqual([
      { chunkId: A, sinceMs: 20 },
      { chunkId: B, sinceMs: 30 },
      { chunkId: C, sinceMs: 30 },
    ]);
    expect([A, B, C].map((chunkId) => catalog.garbage.isReferenced(chunkId))).toEqual([false, false, false]);
  });

  it('applied twice, or of a file that is not known, leaves nothing new', () => {
    const file = newFileId(1);
    apply(10, put(file, A), remove(file));
    catalog.garbage.forget([A]);
    apply(20, remove(file), remove(newFileId(1)));
    expect(noted()).toEqual([]);
  });

  it('is one transaction with what it leaves', () => {
    const file = newFileId(1);
    apply(10, put(file, A));
    const broken = put(newFileId(1));
    Object.assign((broken as { entry: object }).entry, { contentType: null });
    expect(() => apply(20, remove(file), broken)).toThrow(/NOT NULL/);
    expect(noted()).toEqual([]);
    expect(catalog.garbage.isReferenced(A)).toBe(true);
  });

  it('of a file that was uploaded again begins the time of its chunks anew', () => {
    const [first, second] = [newFileId(1), newFileId(1)];
    apply(10, put(first, A), remove(first));
    apply(20, put(second, A));
    expect(catalog.garbage.isReferenced(A)).toBe(true);
    apply(30, remove(second));
    expect(noted()).toEqual([{ chunkId: A, sinceMs: 30 }]);
  });
});

describe('what is noted', () => {
  it('is what has no reference, once, with its first time', () => {
    apply(1, put(newFileId(1), A));
    expect(catalog.garbage.note([A, B, C, B], 10)).toBe(2);
    expect(catalog.garbage.note([A, B, C], 20)).toBe(0);
    expect(noted()).toEqual([
      { chunkId: B, sinceMs: 10 },
      { chunkId: C, sinceMs: 10 },
    ]);
    catalog.garbage.forget([B]);
    catalog.garbage.forget([]);
    expect(noted()).toEqual([{ chunkId: C, sinceMs: 10 }]);
  });

  it('is read oldest first, in pages of any size, up to a time', () => {
    const chunkIds = '0123456789abcdef'.split('').map(chunk);
    for (const [index, chunkId] of chunkIds.toReversed().entries()) catalog.garbage.note([chunkId], (index >> 2) + 5);
    const expected = noted();
    expect(expected.map(({ sinceMs }) => sinceMs)).toEqual([5, 5, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8, 8, 8, 8]);
    for (let limit = 1; limit <= 17; limit += 1) {
      const pages: GarbageChunk[] = [];
      for (let after: GarbageChunk | undefined; ;) {
        const page = catalog.garbage.page({ after, untilMs: 7, limit });
        pages.push(...page);
        if (page.length < limit) break;
        after = page.at(-1);
      }
      expect(pages, `pages of ${limit}`).toEqual(expected.slice(0, 12));
    }
  });

  it('in a time that has not come yet, by a clock that was put back, is noted now', () => {
    catalog.garbage.note([A], 100);
    catalog.garbage.note([B], 2 ** 53 - 1);
    catalog.garbage.rejuvenate(200);
    expect(noted()).toEqual([
      { chunkId: A, sinceMs: 100 },
      { chunkId: B, sinceMs: 200 },
    ]);
  });
});

describe('a hold', () => {
  it('stays with the catalog until it is released, and the next catalog has none', async () => {
    catalog.garbage.hold('damaged_manifests', 1);
    catalog.garbage.hold('damaged_manifests', 2);
    catalog.garbage.hold('log_was_gone', 3);
    await catalog.close();
    const reading = await openCatalog(nodeFileSystem, path);
    if (!reading.ok) throw new Error(reading.reason);
    catalog = reading.catalog;
    expect(catalog.garbage.holds()).toEqual(['damaged_manifests', 'log_was_gone']);
    catalog.garbage.release('log_was_gone');
    expect(catalog.garbage.holds()).toEqual(['damaged_manifests']);
    await catalog.close();
    catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
    expect(catalog.garbage.holds()).toEqual([]);
  });
});

it('a catalog from before the collection of garbage keeps its files and gets the tables', async () => {
  const file = newFileId(1);
  apply(1, put(file, A));
  await catalog.close();
  const source = await catalogSource(path).initialize();
  await source.undoLastMigration();
  await source.destroy();
  const reading = await openCatalog(nodeFileSystem, path);
  if (!reading.ok) throw new Error(reading.reason);
  catalog = reading.catalog;
  apply(2, remove(file));
  expect(noted()).toEqual([{ chunkId: A, sinceMs: 2 }]);
});

it('is found with an index, however much there is', () => {
  const database = new Database(path, { readonly: true });
  const plan = (sql: string): string =>
    (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
      .map(({ detail }) => detail)
      .join('; ');
  expect(
    plan("SELECT * FROM garbage WHERE (since, chunk_id) > (1, 'a') AND since <= 9 ORDER BY since, chunk_id"),
  ).toMatch(/^SEARCH garbage USING COVERING INDEX garbage_by_age \(\(since,chunk_id\)>\(\?,\?\) AND since<\?\)$/);
  expect(plan('UPDATE garbage SET since = 1 WHERE since > 1')).toMatch(/^SEARCH garbage USING .*garbage_by_age/);
  expect(plan("SELECT 1 FROM chunk_refs WHERE chunk_id = 'a' LIMIT 1")).toMatch(
    /^SEARCH chunk_refs USING COVERING INDEX/,
  );
  database.close();
});
