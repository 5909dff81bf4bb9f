import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, FileId, LogId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Catalog, CatalogChange } from './catalog.js';
import { catalogSource, driverOf } from './catalog-source.js';
import { IdempotencyKeys1797000000000 } from './migrations/1797000000000-idempotency-keys.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const [OLDER, NEWER] = [newFileId(1), newFileId(2)];

let root: string;
let path: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-keys-'));
  path = join(root, 'catalog.db');
  catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function put(fileId: FileId, idempotencyKey?: string): CatalogChange {
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId, fileName: '', ...rest, logId: LOG, lsn: lsn(1), mode: 'async' as const };
  return { kind: 'put', entry, chunkIds: [], idempotencyKey };
}

const remove = (fileId: FileId): CatalogChange => ({ kind: 'delete', fileId });
const apply = (...changes: CatalogChange[]): void =>
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(1), replicaIds: [], nowMs: 1 });
const found = (key: string): FileId | undefined => catalog.findFileByKey(key)?.fileId;

it('finds a file by the key of its upload, and none without', () => {
  apply(put(OLDER, 'key'), put(NEWER));
  expect(['key', 'other', 'KEY', ''].map(found)).toEqual([OLDER, undefined, undefined, undefined]);
});

it('keeps a key although its record is applied twice', () => {
  apply(put(OLDER, 'key'));
  apply(put(OLDER, 'key'));
  expect(found('key')).toBe(OLDER);
});

it('lets a key go with its file, and it can be used again', () => {
  apply(put(OLDER, 'key'), remove(OLDER));
  expect(found('key')).toBeUndefined();
  apply(put(NEWER, 'key'));
  expect(found('key')).toBe(NEWER);
});

it('keeps a key that was used again where the interrupted delete of its first file is applied last', () => {
  apply(put(NEWER, 'key'), put(OLDER, 'key'), remove(OLDER));
  expect(found('key')).toBe(NEWER);
});

it('changes nothing where the transaction fails', () => {
  expect(() => apply(put(OLDER, 'key'), put(undefined as unknown as FileId))).toThrow(/file_id|NULL|null/i);
  expect(found('key')).toBeUndefined();
});

it('opens a catalog that was made before there were keys', async () => {
  await catalog.close();
  const source = await catalogSource(path).initialize();
  await new IdempotencyKeys1797000000000().down(source.createQueryRunner());
  driverOf(source).exec("DELETE FROM migrations WHERE name LIKE 'IdempotencyKeys%'");
  await source.destroy();
  const reading = await openCatalog(nodeFileSystem, path);
  if (!reading.ok) throw new Error(reading.reason);
  ({ catalog } = reading);
  apply(put(OLDER, 'key'));
  expect(found('key')).toBe(OLDER);
});
