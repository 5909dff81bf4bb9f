import { nodeFileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, LogId } from '#libs/kernel';
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCatalog } from './open-catalog.js';
import { catalogLook } from './read-catalog.js';
import type { CatalogSight, CatalogView } from './read-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const OTHER_LOG = '10900000-0000-4000-8000-000000000002' as LogId;
const FILE = newFileId(1);

let root: string;
/** As a killed process left it: what it committed last stands in SQLite's own log. */
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-catalog-'));
  const live = join(root, 'live.db');
  const catalog = await createCatalog(nodeFileSystem, live, CLUSTER_ID, async () => undefined);
  const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const entry = { fileId: FILE, fileName: 'late', ...rest, logId: LOG, lsn: lsn(7), mode: 'async' as const };
  const batch = { logId: LOG, replicaIds: [], nowMs: 0 };
  catalog.apply({ ...batch, changes: [{ kind: 'put', entry, chunkIds: [] }], appliedLsn: lsn(8) });
  path = join(root, 'killed', 'catalog.db');
  for (const suffix of ['', '-wal']) await cp(`${live}${suffix}`, `${path}${suffix}`);
  await catalog.close();
});
afterEach(() => rm(root, { recursive: true }));

const look = <Result>(see: (sight: CatalogSight) => Result): Promise<Result> =>
  catalogLook(nodeFileSystem, path)(async (sight) => see(sight));

const see = <Result>(view: (catalog: CatalogView) => Result): Promise<Result> =>
  look((sight) => {
    if (!sight.ok) throw new Error(sight.reason);
    return view(sight.catalog);
  });

it('shows what was committed last, also where SQLite has not moved it yet', async () => {
  expect(await see((catalog) => [catalog.clusterId, catalog.appliedLsn(LOG)])).toEqual([CLUSTER_ID, 8]);
  expect(await see((catalog) => [catalog.highestAppliedLsn(), catalog.appliedLsn(OTHER_LOG)])).toEqual([8, undefined]);
  expect(await see((catalog) => [catalog.hasFile(FILE), catalog.hasFile(newFileId(2))])).toEqual([true, false]);
});

it('lists the files of one log above an LSN', async () => {
  const expected = [{ fileId: FILE, fileName: 'late', lsn: 7 }];
  expect(await see((catalog) => catalog.filesAbove(LOG, lsn(6)))).toEqual(expected);
  expect(await see((catalog) => catalog.filesAbove(LOG, lsn(7)))).toEqual([]);
  expect(await see((catalog) => catalog.filesAbove(OTHER_LOG, lsn(0)))).toEqual([]);
});

it('leaves every byte as it was, and no file that was not there', async () => {
  const contents = async (): Promise<Buffer[]> =>
    Promise.all(['', '-wal'].map((suffix) => readFile(`${path}${suffix}`)));
  const before = await contents();
  await see((catalog) => catalog.appliedLsn(LOG));
  expect(await contents()).toEqual(before);
  expect((await readdir(join(root, 'killed'))).toSorted()).toEqual(['catalog.db', 'catalog.db-wal']);
});

it('tidies up also where the look fails', async () => {
  const failed = look(() => {
    throw new Error('seen enough');
  });
  await expect(failed).rejects.toThrow('seen enough');
  expect((await readdir(join(root, 'killed'))).toSorted()).toEqual(['catalog.db', 'catalog.db-wal']);
});

it('says that there is none, and makes none', async () => {
  await rm(join(root, 'killed'), { recursive: true });
  expect(await look((sight) => sight)).toEqual({ ok: false, reason: 'missing' });
  expect(await readdir(root)).not.toContain('killed');
});

it.each([
  ['whose pages have rotted', (bytes: Buffer) => bytes.fill(0xa5, 100)],
  ['that is all zeros', (bytes: Buffer) => bytes.fill(0)],
  ['that is empty', () => Buffer.alloc(0)],
])('takes one %s for corrupt, as a boot does', async (_what, harm) => {
  await rm(`${path}-wal`);
  await writeFile(path, harm(await readFile(path)));
  expect(await look((sight) => sight)).toEqual({ ok: false, reason: 'corrupt' });
});

it('refuses a file that is somebody else’s', async () => {
  await writeFile(path, 'do not touch');
  await expect(look((sight) => sight)).rejects.toMatchObject({ code: 'setting_invalid' });
});
