/** What boot refuses, and what it makes of directories that are not as they were left. */
import { catalogFilesAt } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import type { ErrorCode } from '#libs/kernel';
import { randomBytes } from 'node:crypto';
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHUNK_SIZE, get, openInstallation, put, temporaryPaths } from './installation.js';
import type { InstallationPaths } from './installation.js';

/** Another installation, closed cleanly, beside the first. */
async function withStranger(paths: InstallationPaths): Promise<InstallationPaths> {
  const root = join(paths.root, 'stranger');
  const stranger = {
    root,
    wal: join(root, 'wal'),
    primary: join(root, 'primary'),
    catalog: join(root, 'catalog.db'),
    replica: join(root, 'replica'),
  };
  await mkdir(root);
  const store = await openInstallation(stranger);
  await put(store.files, 'strange', randomBytes(10));
  await store.close();
  return stranger;
}

async function liveOnce(paths: InstallationPaths): Promise<void> {
  const store = await openInstallation(paths);
  await put(store.files, 'file', randomBytes(3 * CHUNK_SIZE));
  await store.close();
}

/** What stands in the staging of whatever is at the primary's place; a refused boot has changed nothing there. */
async function stagedIn({ primary }: InstallationPaths): Promise<string[] | undefined> {
  return readdir(join(primary, 'staging')).catch(() => undefined);
}

describe('boot refuses', () => {
  const REFUSALS: readonly [string, ErrorCode, (paths: InstallationPaths) => Promise<void>][] = [
    [
      'an emptied primary while the log knows the installation',
      'primary_empty',
      (paths) => rm(paths.primary, { recursive: true }),
    ],
    [
      'an emptied primary while only a replica knows the installation',
      'primary_empty',
      async (paths) => {
        for (const path of [paths.primary, paths.wal]) await rm(path, { recursive: true });
        await rm(paths.catalog);
      },
    ],
    [
      'the log of another installation',
      'log_mismatch',
      async (paths) => {
        const stranger = await withStranger(paths);
        await rm(paths.wal, { recursive: true });
        await rename(stranger.wal, paths.wal);
      },
    ],
    [
      'a replica that was copied from the primary',
      'store_mismatch',
      async (paths) => {
        await rm(paths.replica, { recursive: true });
        await cp(paths.primary, paths.replica, { recursive: true });
      },
    ],
    [
      'a primary that does not say who it is',
      'store_unreadable',
      (paths) => writeFile(join(paths.primary, 'holdfast.json'), '{"format": 1'),
    ],
    [
      'a replica in the place of the primary',
      'store_mismatch',
      async (paths) => {
        await rename(paths.primary, `${paths.primary}.aside`);
        await rename(paths.replica, paths.primary);
        await rename(`${paths.primary}.aside`, paths.replica);
      },
    ],
    [
      'a catalog path where somebody else keeps a file',
      'setting_invalid',
      (paths) => writeFile(paths.catalog, 'do not touch'),
    ],
    [
      'a log path that is no directory',
      'setting_invalid',
      async (paths) => {
        await rm(paths.wal, { recursive: true });
        await writeFile(paths.wal, 'a file');
      },
    ],
    [
      'a primary of a later version',
      'future_format',
      (paths) => writeFile(join(paths.primary, 'holdfast.json'), '{"format": 2}'),
    ],
  ];

  it.each(REFUSALS)('%s', async (_what, code, harm) => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await writeFile(join(paths.primary, 'staging', 'chunk-1.tmp'), 'of an upload that was killed');
    await harm(paths);
    const staged = await stagedIn(paths);
    await expect(openInstallation(paths)).rejects.toMatchObject({ code });
    expect(await stagedIn(paths)).toEqual(staged);
    // The refusal frees the locks: the same refusal, and not `directory_locked`, comes again.
    await expect(openInstallation(paths)).rejects.toMatchObject({ code });
  });

  it('a second process on the same directories, naming the first', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    await writeFile(join(paths.primary, 'staging', 'chunk-1.tmp'), 'of an upload under way');
    await expect(openInstallation(paths)).rejects.toMatchObject({
      code: 'directory_locked',
      context: { directory: paths.wal, pid: process.pid },
    });
    expect(await stagedIn(paths)).toEqual(['chunk-1.tmp']);
    await store.close();
  });
});

describe('boot goes on', () => {
  it('with a catalog of another installation set aside and rebuilt', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    const stranger = await withStranger(paths);
    await rm(paths.catalog);
    await rename(stranger.catalog, paths.catalog);
    const store = await openInstallation(paths);
    expect(store.parts.report.catalogRebuilt).toBe('of_another_installation');
    expect(
      store.files.list({ prefix: '', limit: 10, cursor: undefined }).files.map(({ fileName }) => fileName),
    ).toEqual(['file']);
    expect((await readdir(paths.root)).filter((name) => name.includes('set-aside'))).toHaveLength(1);
    await store.close();
  });

  it('with a damaged catalog set aside and rebuilt', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    const header = (await readFile(paths.catalog)).subarray(0, 100);
    await writeFile(paths.catalog, Buffer.concat([header, randomBytes(8192)]));
    const store = await openInstallation(paths);
    expect(store.parts.report.catalogRebuilt).toBe('corrupt');
    expect(store.files.list({ prefix: '', limit: 10, cursor: undefined }).files).toHaveLength(1);
    await store.close();
  });

  it('with a rebuilt catalog owes a look at every file, and the deletes anew', async () => {
    await using paths = await temporaryPaths();
    const before = await openInstallation(paths);
    const [kept, deleted] = [
      await put(before.files, 'kept', Buffer.from('a')),
      await put(before.files, 'b', Buffer.from('b')),
    ];
    await before.files.delete(deleted.fileId);
    await before.close();
    await rm(paths.catalog);
    const after = await openInstallation(paths);
    const { obligations } = after.parts.catalog;
    expect(obligations.of(kept.fileId)).toMatchObject([{ operation: 'verify', want: 'present', state: 'pending' }]);
    expect(obligations.of(deleted.fileId)).toMatchObject([{ operation: 'delete', want: 'absent', state: 'pending' }]);
    await after.close();
  });

  it('with a catalog restored from an old backup, by rebuilding it', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await cp(paths.catalog, `${paths.catalog}.backup`);
    const store = await openInstallation(paths);
    for (let index = 0; index < 20; index += 1)
      await put(store.files, `later-${index}`, randomBytes(CHUNK_SIZE + index));
    for (let index = 0; index < 300; index += 1) await put(store.files, `small-${index}`, randomBytes(3000));
    await store.close();
    await rename(`${paths.catalog}.backup`, paths.catalog);
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBe('behind_the_log');
    expect(after.files.list({ prefix: '', limit: 1000, cursor: undefined }).files).toHaveLength(321);
    await after.close();
  });

  it('with a catalog whose sync had failed, by rebuilding it', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await catalogFilesAt(nodeFileSystem, paths.catalog).doubt();
    const store = await openInstallation(paths);
    expect(store.parts.report.catalogRebuilt).toBe('in_doubt');
    expect(store.files.list({ prefix: '', limit: 10, cursor: undefined }).files).toHaveLength(1);
    await store.close();
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBeUndefined();
    await after.close();
  });

  it('with a catalog from before the last checkpoint, although the log still has its records', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await cp(paths.catalog, `${paths.catalog}.backup`);
    const store = await openInstallation(paths);
    await put(store.files, 'later', randomBytes(10));
    await store.close();
    await rename(`${paths.catalog}.backup`, paths.catalog);
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBe('behind_the_log');
    expect(after.files.list({ prefix: '', limit: 10, cursor: undefined }).files).toHaveLength(2);
    await after.close();
  });

  it('with a catalog whose pages have rotted, by rebuilding it', async () => {
    await using paths = await temporaryPaths();
    const before = await openInstallation(paths);
    for (let index = 0; index < 300; index += 1) await put(before.files, `file-${index}`, randomBytes(20));
    await before.close();
    const bytes = await readFile(paths.catalog);
    // Every page but the first ones, which hold the schema and the identity.
    bytes.fill(0xa5, 16 * 4096);
    await writeFile(paths.catalog, bytes);
    const after = await openInstallation(paths);
    expect(after.parts.report.catalogRebuilt).toBe('corrupt');
    expect(after.files.list({ prefix: '', limit: 1000, cursor: undefined }).files).toHaveLength(300);
    await after.close();
  });

  it('while a replica is away, and owes it every file under its remembered id', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await rename(paths.replica, `${paths.replica}.away`);
    const store = await openInstallation(paths);
    expect(store.parts.replicas).toMatchObject([{ name: 'replica', bound: 'offline' }]);
    const receipt = await put(store.files, 'owed', randomBytes(10));
    const [owed] = store.parts.catalog.obligations.of(receipt.fileId);
    await store.close();
    const identity = JSON.parse(await readFile(join(`${paths.replica}.away`, 'holdfast.json'), 'utf8')) as object;
    expect(identity).toMatchObject({ store_id: owed?.storeId });
    await expect(readdir(paths.replica)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('while a store of another installation stands where the replica was, and leaves it alone', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    const stranger = await withStranger(paths);
    await rm(paths.replica, { recursive: true });
    await rename(stranger.primary, paths.replica);
    const store = await openInstallation(paths);
    expect(store.parts.replicas).toMatchObject([{ name: 'replica', bound: 'foreign' }]);
    await store.close();
  });

  it('and empties staging of what a killed upload left', async () => {
    await using paths = await temporaryPaths();
    await liveOnce(paths);
    await writeFile(join(paths.primary, 'staging', 'chunk-1.tmp'), randomBytes(100));
    const store = await openInstallation(paths);
    expect(store.parts.report.stagedFilesRemoved).toBe(1);
    expect(await readdir(join(paths.primary, 'staging'))).toEqual([]);
    await store.close();
  });

  it('after the log and the catalog were lost, with LSNs above all that were ever given', async () => {
    await using paths = await temporaryPaths();
    const before = await openInstallation(paths);
    const receipt = await put(before.files, 'file', randomBytes(10));
    await before.close();
    await rm(paths.wal, { recursive: true });
    await rm(paths.catalog);
    const after = await openInstallation(paths);
    expect(after.parts.report.logWasGone).toBe(true);
    expect(after.parts.wal.logId).not.toBe(receipt.logId);
    expect((await put(after.files, 'next', randomBytes(10))).lsn).toBeGreaterThan(receipt.lsn);
    await after.close();
  });
});

describe('an upload that fails', () => {
  it.each([
    ['breaks off', 5 * CHUNK_SIZE, 'upload_incomplete'],
    ['is shorter than declared', 2 * CHUNK_SIZE, 'upload_incomplete'],
  ])('because it %s leaves nothing', async (_how, declaredBytes, code) => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    async function* body(): AsyncGenerator<Buffer> {
      yield randomBytes(CHUNK_SIZE + 7);
      if (declaredBytes > 3 * CHUNK_SIZE) throw new Error('socket hang up');
    }
    const request = { fileName: 'broken', contentType: 'text/plain', declaredBytes, body: body() };
    await expect(store.files.upload(request)).rejects.toMatchObject({ code });
    expect(await readdir(join(paths.primary, 'staging'))).toEqual([]);
    expect(store.files.list({ prefix: '', limit: 10, cursor: undefined }).files).toEqual([]);
    await store.close();
  });
});

describe('a file whose delete is not in the catalog yet', () => {
  it('is not found, and not called damaged', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    const { fileId } = await put(store.files, 'file', randomBytes(10));
    // As apply leaves it when the disk fills in the middle of a batch.
    const { primary } = store.parts;
    await primary.applied.write({ kind: 'tombstone', id: fileId }, Buffer.from('tombstone'));
    await primary.applied.retire({ fileId, deletedAtMs: 1 });
    await expect(get(store.files, fileId)).rejects.toMatchObject({ code: 'file_not_found' });
    await store.close();
  });
});

describe('a chunk with wrong bytes', () => {
  it('is met by the reader and not served', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    const { fileId } = await put(store.files, 'file', randomBytes(CHUNK_SIZE + 1));
    const shards = await readdir(join(paths.primary, 'chunks'));
    for (const shard of shards) {
      for (const name of await readdir(join(paths.primary, 'chunks', shard))) {
        const path = join(paths.primary, 'chunks', shard, name);
        const bytes = await readFile(path);
        bytes[0] = bytes[0]! ^ 1;
        await writeFile(path, bytes);
      }
    }
    await expect(get(store.files, fileId)).rejects.toMatchObject({ code: 'chunk_corrupt' });
    await store.close();
  });
});
