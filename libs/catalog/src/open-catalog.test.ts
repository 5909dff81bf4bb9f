import { nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { lsn, newFileId } from '#libs/kernel';
import type { ClusterId, LogId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { copyFile, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import { holdReadTransaction } from '../testing/src/index.js';
import { catalogSource, driverOf } from './catalog-source.js';
import { createCatalog, openCatalog, setCatalogAside } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const ALL = { fileName: '', fileId: '' };

let root: string;
let path: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-catalog-'));
  path = join(root, 'data', 'catalog.db');
});
afterEach(() => rm(root, { recursive: true }));

/** A fill that puts files of these names, at this LSN. */
const filling =
  (appliedLsn: number, ...names: string[]) =>
  async (catalog: Catalog): Promise<void> => {
    const rest = { fileSize: 0, contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
    const place = { logId: LOG, lsn: lsn(1), mode: 'async' as const };
    const changes = names.map((fileName) => ({
      kind: 'put' as const,
      entry: { fileId: newFileId(0), fileName, ...rest, ...place },
      chunkIds: [],
    }));
    catalog.apply({ changes, logId: LOG, appliedLsn: lsn(appliedLsn), replicaIds: [], nowMs: 0 });
  };

const create = (fill: (catalog: Catalog) => Promise<void>, fs: FileSystem = nodeFileSystem): Promise<Catalog> =>
  createCatalog(fs, path, CLUSTER_ID, fill);

const namesIn = (catalog: Catalog): string[] => catalog.listFiles(ALL, 1000).map(({ fileName }) => fileName);

async function open(): Promise<Catalog> {
  const reading = await openCatalog(nodeFileSystem, path);
  if (!reading.ok) throw new Error(`${reading.reason}: ${String(reading.cause)}`);
  return reading.catalog;
}

describe('making a catalog', () => {
  it('gives one that is filled, and can be opened again', async () => {
    const made = await create(filling(7, 'a', 'b'));
    expect(namesIn(made)).toEqual(['a', 'b']);
    expect(made.clusterId).toBe(CLUSTER_ID);
    await made.close();
    const opened = await open();
    expect(opened.catalogId).toBe(made.catalogId);
    expect([namesIn(opened), opened.appliedLsn(LOG)]).toEqual([['a', 'b'], 7]);
    await opened.close();
    expect(await readdir(join(root, 'data'))).toEqual(['catalog.db']);
  });

  it('replaces an older one, under a new id', async () => {
    const old = await create(filling(3, 'old'));
    await old.close();
    const made = await create(filling(9, 'new'));
    expect(made.catalogId).not.toBe(old.catalogId);
    expect([namesIn(made), made.appliedLsn(LOG)]).toEqual([['new'], 9]);
    await made.close();
  });

  it('lets no log of the older one be replayed into it', async () => {
    const old = await create(filling(3, 'old'));
    await filling(4, 'old, in SQLite’s log only')(old);
    // What a killed process leaves: the file with its log beside it.
    await copyFile(path, join(root, 'killed.db'));
    await copyFile(`${path}-wal`, join(root, 'killed.db-wal'));
    await old.close();
    await copyFile(join(root, 'killed.db'), path);
    await copyFile(join(root, 'killed.db-wal'), `${path}-wal`);
    const killed = await open();
    expect(namesIn(killed)).toHaveLength(2);
    await killed.close();
    await copyFile(join(root, 'killed.db'), path);
    await copyFile(join(root, 'killed.db-wal'), `${path}-wal`);

    const made = await create(filling(9, 'new'));
    expect(namesIn(made)).toEqual(['new']);
    await made.close();
    const opened = await open();
    expect([namesIn(opened), opened.appliedLsn(LOG)]).toEqual([['new'], 9]);
    await opened.close();
  });

  it('leaves the older one where filling fails', async () => {
    const old = await create(filling(3, 'old'));
    await old.close();
    const before = await readFile(path);
    await expect(create(() => Promise.reject(new Error('the store cannot be read')))).rejects.toThrow('cannot be read');
    expect((await readFile(path)).equals(before)).toBe(true);
    const opened = await open();
    expect(namesIn(opened)).toEqual(['old']);
    await opened.close();
  });

  it('leaves none where there was none and filling fails', async () => {
    await expect(create(() => Promise.reject(new Error('cut')))).rejects.toThrow('cut');
    expect(await openCatalog(nodeFileSystem, path)).toEqual({ ok: false, reason: 'missing' });
    const made = await create(filling(1, 'a'));
    expect(namesIn(made)).toEqual(['a']);
    await made.close();
  });

  it('starts over where an earlier try was killed', async () => {
    await (await create(filling(1, 'old'))).close();
    for (const suffix of ['', '-wal', '-shm']) await writeFile(`${path}.building${suffix}`, 'left by a killed process');
    const made = await create(filling(2, 'new'));
    expect(namesIn(made)).toEqual(['new']);
    await made.close();
    expect(await readdir(join(root, 'data'))).toEqual(['catalog.db']);
  });

  it('is durable when it appears under its name: whole in the one file, renamed, the directory synced', async () => {
    const steps: string[] = [];
    const fs: FileSystem = {
      ...nodeFileSystem,
      rename: async (from, to) => {
        expect(await nodeFileSystem.stat(`${from}-wal`)).toBeUndefined();
        await nodeFileSystem.rename(from, to);
        steps.push(`rename to ${basename(to)}`);
      },
      syncDirectory: async (directory) => {
        await nodeFileSystem.syncDirectory(directory);
        steps.push(`sync ${basename(directory)}`);
      },
    };
    await (await create(filling(1, 'a'), fs)).close();
    // The directory itself is new.
    expect(steps[1]).toBe(`sync ${basename(root)}`);
    expect(steps.slice(-2)).toEqual(['rename to catalog.db', 'sync data']);
  });

  it('is refused where SQLite cannot move all of it into the one file, and leaves the older one', async () => {
    await (await create(filling(1, 'old'))).close();
    let reader: { release(): void } | undefined;
    const readWhileFilled = async (catalog: Catalog): Promise<void> => {
      reader = holdReadTransaction(`${path}.building`);
      await filling(2, 'new')(catalog);
    };
    await expect(create(readWhileFilled)).rejects.toThrow('something else reads it');
    reader?.release();
    const opened = await open();
    expect(namesIn(opened)).toEqual(['old']);
    await opened.close();
  });

  it('has a SQLite that syncs what its checkpoints move', async () => {
    const source = await catalogSource(join(root, 'any.db')).initialize();
    // 1 is NORMAL: https://www.sqlite.org/pragma.html#pragma_synchronous
    expect(driverOf(source).pragma('synchronous', { simple: true })).toBe(1);
    await source.destroy();
  });
});

describe('replacing a catalog', () => {
  it('makes the removal of the older one’s log durable before the new one takes its name', async () => {
    await (await create(filling(1, 'old'))).close();
    await writeFile(`${path}-wal`, 'of the older one');
    const steps: string[] = [];
    const noting = async (step: string, call: Promise<void>): Promise<void> => {
      await call;
      steps.push(step);
    };
    const fs: FileSystem = {
      ...nodeFileSystem,
      rename: (from, to) => noting(`rename ${basename(from)}`, nodeFileSystem.rename(from, to)),
      unlink: (target) => noting(`unlink ${basename(target)}`, nodeFileSystem.unlink(target)),
      syncDirectory: (target) => noting(`sync ${basename(target)}`, nodeFileSystem.syncDirectory(target)),
    };
    await (await create(filling(2, 'new'), fs)).close();
    const removal = steps.indexOf('unlink catalog.db-wal');
    expect(removal).toBeGreaterThan(-1);
    expect(steps.slice(removal + 1)).toEqual(['sync data', 'rename catalog.db.building', 'sync data']);
  });
});

describe('opening a catalog', () => {
  it('tells that there is none, and makes none', async () => {
    expect(await openCatalog(nodeFileSystem, path)).toEqual({ ok: false, reason: 'missing' });
    expect(await readdir(root)).toEqual([]);
  });

  it.each<[string, () => Promise<void>]>([
    ['holds nothing', () => truncate(path, 0)],
    ['holds only its first page', () => truncate(path, 4096)],
    ['has lost its last page', async () => truncate(path, (await readFile(path)).length - 4096)],
    ['is all zeros', async () => writeFile(path, Buffer.alloc((await readFile(path)).length))],
    [
      'has a page of zeros for its schema',
      async () =>
        writeFile(
          path,
          Buffer.concat([
            (await readFile(path)).subarray(0, 100),
            Buffer.alloc(3996),
            (await readFile(path)).subarray(4096),
          ]),
        ),
    ],
    ['does not say whose it is', async () => inDatabase('DELETE FROM catalog_identity')],
  ])('takes it for corrupt where it %s', async (_fault, damage) => {
    await (await create(filling(1, ...Array.from({ length: 500 }, (_, index) => `file ${index}`)))).close();
    await damage();
    expect(await openCatalog(nodeFileSystem, path)).toMatchObject({ ok: false, reason: 'corrupt' });
  });

  it.each<[string, () => Promise<void>]>([
    ['one byte of it', () => truncate(path, 1)],
    ['half a header', () => truncate(path, 50)],
    ['a text', () => writeFile(path, 'This is a text, and long enough to be taken for a header.'.repeat(200))],
    ['a database of another program', async () => inDatabase('PRAGMA application_id = 1')],
  ])('refuses %s, and leaves it as it is', async (_what, put) => {
    await (await create(filling(1))).close();
    await put();
    const before = await readFile(path);
    await expect(openCatalog(nodeFileSystem, path)).rejects.toMatchObject({
      code: 'setting_invalid',
      context: { setting: 'DATABASE_URL' },
    });
    expect((await readFile(path)).equals(before)).toBe(true);
  });

  it('moves nothing of what a killed process has left in SQLite’s log, however much it is', async () => {
    const names = Array.from({ length: 20_000 }, (_, index) => `${index} ${'.'.repeat(200)}`);
    const killed = await create(async () => undefined);
    await filling(1, ...names)(killed);
    const left = join(root, 'left.db');
    await copyFile(path, left);
    await copyFile(`${path}-wal`, `${left}-wal`);
    await killed.close();
    const before = await readFile(left);
    // More than SQLite would have moved by itself, and it has moved nothing.
    expect((await readFile(`${left}-wal`)).length).toBeGreaterThan(1000 * 4096);
    expect(before.length).toBeLessThan(100 * 4096);
    const reading = await openCatalog(nodeFileSystem, left);
    expect(reading.ok).toBe(true);
    expect(before.equals(await readFile(left))).toBe(true);
    if (reading.ok) await reading.catalog.close();
  });

  it('tells a disk that fails from a corrupt catalog', async () => {
    await (await create(filling(1))).close();
    const fs: FileSystem = { ...nodeFileSystem, stat: () => Promise.reject(new Error('EIO')) };
    await expect(openCatalog(fs, path)).rejects.toThrow('EIO');
  });
});

function inDatabase(sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

describe('setting a catalog aside', () => {
  it('moves it away with what belongs to it, byte for byte', async () => {
    await (await create(filling(1, 'a'))).close();
    await writeFile(path, 'garbage');
    await writeFile(`${path}-wal`, 'its log');
    const asidePath = await setCatalogAside(nodeFileSystem, path, 1_764_000_000_000);
    expect(asidePath).toBe(`${path}.set-aside-1764000000000`);
    expect((await readFile(asidePath)).toString()).toBe('garbage');
    expect((await readFile(`${asidePath}-wal`)).toString()).toBe('its log');
    expect(await openCatalog(nodeFileSystem, path)).toEqual({ ok: false, reason: 'missing' });
    expect((await readdir(join(root, 'data'))).sort()).toEqual([basename(asidePath), `${basename(asidePath)}-wal`]);
  });
});

describe('the schema', () => {
  const tablesOf = (): string[] => {
    const database = new Database(path, { readonly: true });
    const names = database.prepare("SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY name").all();
    database.close();
    return names.map((row) => (row as { name: string }).name);
  };
  const MADE = [
    'catalog_identity',
    'chunk_refs',
    'chunk_refs_by_owner',
    'collection_holds',
    'damaged_objects',
    'files',
    'files_by_name',
    'filled_replicas',
    'garbage',
    'garbage_by_age',
    'idempotency_keys',
    'idempotency_keys_by_file',
    'logs',
    'migrations',
    'obligations',
    'obligations_by_due',
    'scrubs',
    'unknown_chunks',
  ];

  it('migrates up, down and up again, and leaves nothing behind', async () => {
    await (await create(filling(1, 'a'))).close();
    expect(tablesOf()).toEqual(MADE);
    const source = await catalogSource(path).initialize();
    for (let undone = 0; undone < source.migrations.length; undone += 1) await source.undoLastMigration();
    expect(tablesOf()).toEqual(['migrations']);
    await source.runMigrations();
    expect(tablesOf()).toEqual(MADE);
    await source.destroy();
  });

  it('of the entities is that of the migrations', async () => {
    await (await create(filling(1, 'a'))).close();
    const source = await catalogSource(path).initialize();
    const changes = await source.driver.createSchemaBuilder().log();
    expect(changes.upQueries.map(({ query }) => query)).toEqual([]);
    await source.destroy();
  });

  it('is found with an index wherever requests look', async () => {
    await (await create(filling(1, 'a'))).close();
    const database = new Database(path, { readonly: true });
    const plan = (sql: string): string =>
      (database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all() as { detail: string }[])
        .map(({ detail }) => detail)
        .join('; ');
    const page = "SELECT * FROM files WHERE (file_name, file_id) > ('a', 'b') ORDER BY file_name, file_id LIMIT 9";
    expect(plan(page)).toMatch(/^SEARCH files USING INDEX files_by_name \(.*\)$/);
    expect(plan("DELETE FROM chunk_refs WHERE owner_id = 'a'")).toMatch(/USING (COVERING )?INDEX chunk_refs_by_owner/);
    expect(plan("DELETE FROM idempotency_keys WHERE file_id = 'a'")).toMatch(/INDEX idempotency_keys_by_file/);
    expect(plan("SELECT MIN(file_id) FROM idempotency_keys WHERE idempotency_key = 'a'")).toMatch(/^SEARCH/);
    expect(plan("SELECT * FROM obligations WHERE file_id = 'a'")).toMatch(/^SEARCH obligations/);
    database.close();
  });
});
