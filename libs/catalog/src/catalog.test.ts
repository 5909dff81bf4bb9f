import type { ChunkId, FileId, LogId, StoreId } from '#libs/kernel';
import { lsn, newFileId } from '#libs/kernel';
import Database from 'better-sqlite3';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { nodeFileSystem } from '#libs/durable-fs';
import { Catalog } from './catalog.js';
import type { CatalogBatch, CatalogChange } from './catalog.js';
import { catalogSource, driverOf } from './catalog-source.js';
import type { FileEntry } from './file-entry.js';
import { createCatalog, openCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as never;
const LOG = '10900000-0000-4000-8000-000000000001' as LogId;
const OTHER_LOG = '10900000-0000-4000-8000-000000000002' as LogId;
const STORES = ['5704e000-0000-4000-8000-000000000001', '5704e000-0000-4000-8000-000000000002'] as StoreId[];
const chunk = (digit: string): ChunkId => digit.repeat(64) as ChunkId;

let root: string;
let path: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-catalog-'));
  path = join(root, 'catalog.db');
  catalog = await createCatalog(nodeFileSystem, path, CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

function entry(fileName: string, changes: Partial<FileEntry> = {}): FileEntry {
  return {
    fileId: newFileId(1_764_000_000_000),
    fileName,
    fileSize: 2 ** 53 - 1,
    contentType: 'text/plain',
    sha256: 'ab'.repeat(32),
    chunkSize: 2 ** 40,
    chunkCount: 300_000,
    createdAtMs: 1_764_000_000_000,
    logId: LOG,
    lsn: lsn(2 ** 53 - 1),
    mode: 'sync',
    wait: 2,
    ...changes,
  };
}

const put = (file: FileEntry, chunkIds: Iterable<ChunkId> = []): CatalogChange => ({
  kind: 'put',
  entry: file,
  chunkIds,
});
const remove = ({ fileId }: FileEntry): CatalogChange => ({ kind: 'delete', fileId });

let nextLsn = 0;
function apply(changes: readonly CatalogChange[], batch: Partial<CatalogBatch> = {}): void {
  nextLsn += 1;
  catalog.apply({ changes, logId: LOG, appliedLsn: lsn(nextLsn), replicaIds: STORES, nowMs: 1000, ...batch });
}

/** All rows of a query, read past the catalog, through a connection of its own. */
function rows(sql: string): unknown[] {
  const database = new Database(path, { readonly: true });
  try {
    return database.prepare(sql).all();
  } finally {
    database.close();
  }
}

describe('a batch', () => {
  it('shows a file as it was put, also its largest numbers', () => {
    const file = entry('../a "name" – 😀');
    apply([put(file)], { appliedLsn: lsn(2 ** 53 - 1) });
    expect(catalog.findFile(file.fileId)).toEqual(file);
    expect(catalog.appliedLsn(LOG)).toBe(2 ** 53 - 1);
  });

  it('is one transaction: a change that fails takes back all of it, the applied LSN included', () => {
    const [before, first, second] = [entry('before'), entry('first'), entry('second')];
    apply([put(before, [chunk('a')])], { appliedLsn: lsn(7) });
    const broken = { ...entry('broken'), contentType: null as unknown as string };
    const changes = [remove(before), put(first, [chunk('b')]), put(broken), put(second)];
    expect(() => apply(changes, { appliedLsn: lsn(11) })).toThrow(/NOT NULL/);

    expect(catalog.appliedLsn(LOG)).toBe(7);
    expect(catalog.listFiles({ fileName: '', fileId: '' }, 10)).toEqual([before]);
    expect(rows('SELECT chunk_id FROM chunk_refs')).toEqual([{ chunk_id: chunk('a') }]);
    expect(rows('SELECT DISTINCT file_id, generation FROM obligations')).toEqual([
      { file_id: before.fileId, generation: 1 },
    ]);
  });

  it('is taken back where its chunks cannot be listed to the end', () => {
    const file = entry('a');
    function* breaking(): Generator<ChunkId> {
      yield chunk('a');
      throw new Error('cut');
    }
    expect(() => apply([put(file, breaking())])).toThrow('cut');
    expect(catalog.findFile(file.fileId)).toBeUndefined();
    expect(rows('SELECT * FROM chunk_refs')).toEqual([]);
    apply([put(file)]);
    expect(catalog.findFile(file.fileId)).toEqual(file);
  });

  it('of no change moves the applied LSN alone', () => {
    apply([], { appliedLsn: lsn(5) });
    expect(catalog.appliedLsn(LOG)).toBe(5);
    expect(rows('SELECT * FROM obligations')).toEqual([]);
  });

  it('keeps logs apart, and knows the highest LSN of all', () => {
    expect(catalog.appliedLsn(LOG)).toBeUndefined();
    expect(catalog.highestAppliedLsn()).toBe(0);
    apply([], { appliedLsn: lsn(5) });
    apply([], { appliedLsn: lsn(9), logId: OTHER_LOG });
    apply([], { appliedLsn: lsn(6) });
    expect([catalog.appliedLsn(LOG), catalog.appliedLsn(OTHER_LOG)]).toEqual([6, 9]);
    expect(catalog.highestAppliedLsn()).toBe(9);
  });
});

describe('obligations', () => {
  const generations = (): unknown[] =>
    rows('SELECT want, generation, state, next_attempt_at AS at FROM obligations ORDER BY store_id');

  it('count the orders given: put, delete, put', () => {
    const file = entry('a');
    apply([put(file)]);
    expect(generations()).toEqual(
      [1, 1].map((generation) => ({ want: 'present', generation, state: 'pending', at: 1000 })),
    );
    apply([remove(file)], { nowMs: 2000 });
    expect(generations()).toEqual(
      [2, 2].map((generation) => ({ want: 'absent', generation, state: 'pending', at: 2000 })),
    );
    apply([put(file)], { nowMs: 3000, replicaIds: [STORES[0]!] });
    expect(generations()).toEqual([
      { want: 'present', generation: 3, state: 'pending', at: 3000 },
      { want: 'absent', generation: 2, state: 'pending', at: 2000 },
    ]);
  });

  it('count each order of one batch', () => {
    const file = entry('a');
    apply([put(file), remove(file), put(file, [chunk('a')])]);
    expect(generations()).toMatchObject([
      { want: 'present', generation: 3 },
      { want: 'present', generation: 3 },
    ]);
    expect(catalog.findFile(file.fileId)).toEqual(file);
    expect(rows('SELECT chunk_id FROM chunk_refs')).toEqual([{ chunk_id: chunk('a') }]);
  });

  it('reopen what was done', () => {
    const file = entry('a');
    apply([put(file)]);
    const database = new Database(path);
    database.exec("UPDATE obligations SET state = 'done'");
    database.close();
    expect(catalog.obligations.of(file.fileId).map(({ state }) => state)).toEqual(['done', 'done']);
    apply([remove(file)]);
    expect(catalog.obligations.of(file.fileId)).toMatchObject(
      STORES.map((storeId) => ({ storeId, want: 'absent', state: 'pending' })),
    );
  });

  it('are none without replicas, and none of a file that is not known', () => {
    const file = entry('a');
    apply([put(file)], { replicaIds: [] });
    expect(catalog.obligations.of(file.fileId)).toEqual([]);
    expect(catalog.obligations.of(newFileId(0))).toEqual([]);
  });
});

describe('chunk references', () => {
  it('are distinct rows: a chunk twice in a file counts once, in two files twice', () => {
    const [first, second] = [entry('first'), entry('second')];
    apply([put(first, [chunk('a'), chunk('a'), chunk('b')]), put(second, [chunk('a')])]);
    const expected = [
      { chunk_id: chunk('a'), owner_kind: 'file', owner_id: first.fileId },
      { chunk_id: chunk('b'), owner_kind: 'file', owner_id: first.fileId },
      { chunk_id: chunk('a'), owner_kind: 'file', owner_id: second.fileId },
    ];
    const references = 'SELECT chunk_id, owner_kind, owner_id FROM chunk_refs';
    expect(rows(references)).toHaveLength(3);
    expect(rows(references)).toEqual(expect.arrayContaining(expected));

    apply([remove(first)]);
    expect(rows(references)).toEqual([expected[2]]);
    apply([remove(first)]);
    expect(rows(references)).toEqual([expected[2]]);
  });

  it('applied twice are the same', () => {
    const file = entry('a');
    apply([put(file, [chunk('a')])]);
    apply([put(file, [chunk('a')])]);
    expect(rows('SELECT COUNT(*) AS count FROM chunk_refs')).toEqual([{ count: 1 }]);
    expect(rows('SELECT COUNT(*) AS count FROM files')).toEqual([{ count: 1 }]);
  });
});

describe('listing files', () => {
  // In UTF-16, the order of JavaScript's strings, the emoji would stand before the two from the end of the plane below.
  const NAMES = [
    '',
    'A',
    'Z',
    'a',
    'a!',
    'aa',
    'ab',
    'z',
    '~',
    '\u00a0',
    'é',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '😀',
    '\u{10ffff}',
  ];

  it('follows the bytes of the names', () => {
    const byBytes = NAMES.toSorted((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));
    expect(byBytes).toEqual(NAMES);
    expect(NAMES.toSorted()).not.toEqual(NAMES);
    // The empty name cannot be uploaded; it is only where a listing starts.
    apply(
      NAMES.slice(1)
        .toReversed()
        .map((name) => put(entry(name))),
    );
    const listed = catalog.listFiles({ fileName: '', fileId: '' }, 100).map(({ fileName }) => fileName);
    expect(listed).toEqual(NAMES.slice(1));
  });

  it('follows the id where names are equal, case and accents told apart', () => {
    const files = ['a', 'A', 'a', 'á', 'a', 'a\u0301'].map((name) => entry(name));
    apply(files.map((file) => put(file)));
    const expected = files.toSorted(
      (left, right) =>
        Buffer.compare(Buffer.from(left.fileName), Buffer.from(right.fileName)) ||
        (left.fileId < right.fileId ? -1 : 1),
    );
    expect(catalog.listFiles({ fileName: '', fileId: '' }, 100)).toEqual(expected);
  });

  it('gives the same whole in pages of every size', () => {
    const files = NAMES.slice(1).flatMap((name) => [entry(name), entry(name)]);
    apply(files.map((file) => put(file)));
    const whole = catalog.listFiles({ fileName: '', fileId: '' }, 100);
    expect(whole).toHaveLength(files.length);
    for (let limit = 1; limit <= files.length; limit += 1) {
      const paged: FileEntry[] = [];
      let position = { fileName: '', fileId: '' };
      for (;;) {
        const page = catalog.listFiles(position, limit);
        paged.push(...page);
        if (page.length < limit) break;
        position = page.at(-1)!;
      }
      expect(paged, `in pages of ${limit}`).toEqual(whole);
    }
  });

  it('goes on behind a file that was deleted', () => {
    const files = ['a', 'b', 'c', 'd'].map((name) => entry(name));
    apply(files.map((file) => put(file)));
    const [, second] = catalog.listFiles({ fileName: '', fileId: '' }, 2);
    apply([remove(second!)]);
    expect(catalog.listFiles(second!, 10).map(({ fileName }) => fileName)).toEqual(['c', 'd']);
  });
});

describe('making a catalog durable', () => {
  it('moves all of SQLite’s log into the file', async () => {
    apply([put(entry('a'))]);
    catalog.makeDurable();
    expect(await nodeFileSystem.stat(`${path}-wal`)).toMatchObject({ sizeBytes: 0 });
    // The file alone, without its log, has it all.
    await nodeFileSystem.replaceFile(join(root, 'copy.db'), await nodeFileSystem.readFile(path), join(root, 'tmp'));
    const copy = await openCatalog(nodeFileSystem, join(root, 'copy.db'));
    if (!copy.ok) throw new Error(copy.reason);
    expect(copy.catalog.listFiles({ fileName: '', fileId: '' }, 10)).toHaveLength(1);
    await copy.catalog.close();
  });

  it('is refused while another connection reads, and goes well behind it', () => {
    apply([put(entry('a'))]);
    const reader = new Database(path, { readonly: true });
    reader.exec('BEGIN');
    reader.prepare('SELECT COUNT(*) FROM files').get();
    apply([put(entry('b'))]);
    expect(() => catalog.makeDurable()).toThrow(expect.objectContaining({ code: 'internal' }) as Error);
    reader.exec('COMMIT');
    reader.close();
    expect(() => catalog.makeDurable()).not.toThrow();
    expect(catalog.listFiles({ fileName: '', fileId: '' }, 10)).toHaveLength(2);
  }, 60_000);

  it('keeps a file id in one piece with what it was', () => {
    const file = entry('a');
    apply([put(file)]);
    apply([put({ ...file, fileName: 'b' })]);
    expect(catalog.listFiles({ fileName: '', fileId: '' }, 10).map(({ fileName }) => fileName)).toEqual(['b']);
    expect(catalog.findFile(file.fileId.toUpperCase() as FileId)).toBeUndefined();
  });
});

describe('a checkpoint of SQLite that fails', () => {
  /** The catalog's bytes in SQLite's log: what a checkpoint moves. */
  const logBytes = async (): Promise<number> => (await stat(`${path}-wal`)).size;

  async function failed(code: string): Promise<{ readonly own: Catalog; readonly source: DataSource }> {
    await catalog.close();
    const source = await catalogSource(path).initialize();
    const own = await Catalog.over(source);
    catalog = own;
    own.apply({ changes: [put(entry('a'))], logId: LOG, appliedLsn: lsn(1), replicaIds: STORES, nowMs: 1000 });
    const database = driverOf(source);
    const pragma = vi.spyOn(database, 'pragma').mockImplementationOnce(() => {
      throw new Database.SqliteError('failed', code);
    });
    expect(() => own.makeDurable()).toThrow('failed');
    pragma.mockRestore();
    return { own, source };
  }

  it('on the disk is not made up for by the one that SQLite takes at its close', async () => {
    const { own, source } = await failed('SQLITE_IOERR_FSYNC');
    expect(own.inDoubt).toBe(true);
    await own.close();
    expect(await logBytes()).toBeGreaterThan(0);
    expect(source.isInitialized).toBe(true);
  });

  it('for want of room leaves no doubt', async () => {
    const { own } = await failed('SQLITE_FULL');
    expect(own.inDoubt).toBe(false);
    own.makeDurable();
    expect(await logBytes()).toBe(0);
  });
});
