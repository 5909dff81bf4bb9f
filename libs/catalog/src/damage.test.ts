import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ChunkId, ClusterId, FileId, LogId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import { createCatalog, openCatalog } from './open-catalog.js';
import type { ScrubRecord } from './scrubs.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const HERE = '5704e000-0000-4000-8000-000000000001' as StoreId;
const THERE = '5704e000-0000-4000-8000-000000000002' as StoreId;
const CHUNK = 'a'.repeat(64) as ChunkId;

let root: string;
let path: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-damage-'));
  path = join(root, 'catalog.db');
  catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function put(...chunkIds: ChunkId[]): FileId {
  const fileId = newFileId(1);
  const rest = { fileSize: 7, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: 'a name', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  const changes = [{ kind: 'put' as const, entry, chunkIds }];
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(1), replicaIds: [HERE], nowMs: 0 });
  return fileId;
}

const remove = (fileId: FileId): void =>
  catalog.apply({
    changes: [{ kind: 'delete', fileId }],
    logId: LOG,
    appliedLsn: lsn(2),
    replicaIds: [HERE],
    nowMs: 0,
  });

const rowOf = (fileId: FileId, storeId = HERE) => catalog.obligations.of(fileId).find((row) => row.storeId === storeId);

function confirm(fileId: FileId, storeId = HERE): void {
  const { generation, want } = rowOf(fileId, storeId)!;
  catalog.obligations.close([{ fileId, storeId, generation, want }], 5);
}

describe('damage', () => {
  it('is told for every file that needs the chunk, and is news once', () => {
    const files = [put(CHUNK), put(CHUNK)].toSorted();
    put();
    expect(catalog.damage.note({ kind: 'chunk', id: CHUNK }, [HERE, THERE], 7)).toBe(true);
    expect(catalog.damage.note({ kind: 'chunk', id: CHUNK }, [HERE], 9)).toBe(false);
    const rest = { fileName: 'a name', object: { kind: 'chunk', id: CHUNK }, storeIds: [HERE], sinceMs: 7 };
    expect(catalog.damage.files(10)).toEqual(files.map((fileId) => ({ fileId, ...rest })));
    expect(catalog.damage.files(1)).toHaveLength(1);
  });

  it('is over for a file that one of its stores has confirmed since, and news when it comes again', () => {
    const [mended, other] = [put(CHUNK), put(CHUNK)];
    catalog.damage.note({ kind: 'chunk', id: CHUNK }, [HERE], 7);
    confirm(mended);
    expect(catalog.damage.files(10).map(({ fileId }) => fileId)).toEqual([other]);
    confirm(other);
    catalog.damage.prune();
    expect(catalog.damage.note({ kind: 'chunk', id: CHUNK }, [HERE], 8)).toBe(true);
  });

  it('of a manifest is over with its file', () => {
    const fileId = put();
    catalog.damage.note({ kind: 'manifest', id: fileId }, [HERE], 7);
    catalog.damage.prune();
    expect(catalog.damage.files(10)).toMatchObject([{ fileId }]);
    remove(fileId);
    expect(catalog.damage.files(10)).toEqual([]);
  });
});

describe('a new order', () => {
  it('is not closed by the answer to the one that was under way', () => {
    const fileId = put();
    const before = rowOf(fileId)!;
    const order = { fileIds: [fileId], storeId: HERE, operation: 'verify' as const, nowMs: 9 };
    expect(catalog.obligations.oweAnew(order)).toBe(1);
    const closing = { fileId, storeId: HERE, generation: before.generation, want: before.want };
    expect(catalog.obligations.close([closing], 10)).toEqual([]);
    expect(rowOf(fileId)).toMatchObject({ operation: 'verify', state: 'pending', generation: before.generation + 1 });
  });

  it('reopens what was confirmed, makes a row where there is none, and leaves a repair a repair', () => {
    const fileId = put();
    confirm(fileId);
    const order = { fileIds: [fileId], operation: 'repair' as const, nowMs: 9 };
    for (const storeId of [HERE, THERE]) expect(catalog.obligations.oweAnew({ ...order, storeId })).toBe(1);
    catalog.obligations.oweAnew({ ...order, operation: 'verify', storeId: HERE });
    expect([rowOf(fileId), rowOf(fileId, THERE)]).toMatchObject([
      { operation: 'repair', state: 'pending' },
      { operation: 'repair', state: 'pending' },
    ]);
  });

  it('never brings back what was deleted, and deletes only what was to be deleted', () => {
    const [deleted, kept] = [put(), put()];
    remove(deleted);
    const order = { fileIds: [deleted, kept, newFileId(2)], storeId: HERE, nowMs: 9 };
    expect(catalog.obligations.oweAnew({ ...order, operation: 'verify' })).toBe(1);
    expect(catalog.obligations.oweAnew({ ...order, operation: 'delete' })).toBe(1);
    expect([rowOf(deleted), rowOf(kept)]).toMatchObject([
      { want: 'absent', operation: 'delete' },
      { want: 'present', operation: 'verify' },
    ]);
  });
});

describe('the files of a chunk', () => {
  it('come in pages', () => {
    const files = Array.from({ length: 5 }, () => put(CHUNK)).toSorted();
    put();
    expect(catalog.filesOfChunk(CHUNK, { after: undefined, limit: 3 })).toEqual(files.slice(0, 3));
    expect(catalog.filesOfChunk(CHUNK, { after: files[2], limit: 3 })).toEqual(files.slice(3));
  });
});

describe('how far a scrub has come', () => {
  const record: ScrubRecord = {
    storeId: HERE,
    kind: 'manifest',
    lastKey: '0a/x',
    startedAtMs: 1,
    endedAtMs: undefined,
    lastCompletedAtMs: 3,
    objects: 4,
    bytes: 5,
    corrupt: 6,
  };

  it('is there again when the catalog is opened again', async () => {
    catalog.scrubs.save({ ...record, lastKey: '' });
    catalog.scrubs.save(record);
    catalog.scrubs.save({ ...record, storeId: THERE, endedAtMs: 2 });
    await catalog.close();
    const reading = await openCatalog(nodeFileSystem, path);
    if (!reading.ok) throw new Error(reading.reason);
    catalog = reading.catalog;
    expect([catalog.scrubs.find(HERE), catalog.scrubs.find(THERE)?.endedAtMs]).toEqual([record, 2]);
  });

  it('is forgotten with the store', () => {
    for (const storeId of [HERE, THERE]) catalog.scrubs.save({ ...record, storeId });
    catalog.scrubs.keepOnly([THERE]);
    expect([catalog.scrubs.find(HERE), catalog.scrubs.find(THERE)?.objects]).toEqual([undefined, 4]);
  });
});
