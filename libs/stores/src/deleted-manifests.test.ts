import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import { newFileId } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import type { CrashPrimary } from '../testing/src/index.js';
import type { DeletedFile } from './deleted-manifests.js';
import { initDirectoryStore } from './directory-store.js';
import { PrimaryStore } from './primary-store.js';

const DELETED_AT_MS = 1_764_000_000_001;
const FILE: DeletedFile = { fileId: newFileId(1_764_000_000_000), deletedAtMs: DELETED_AT_MS };

const putManifest = ({ primary }: CrashPrimary, id: FileId, text: string): Promise<void> =>
  primary.put({ kind: 'manifest', id }, Buffer.from(text));

const hasManifest = async ({ primary }: CrashPrimary, id: FileId): Promise<boolean> =>
  (await primary.has({ kind: 'manifest', id })) !== undefined;

/** As a version that kept no deleted manifests left it. */
async function olderPrimary(): Promise<CrashPrimary> {
  const fs = new CrashFileSystem();
  await initDirectoryStore(fs, STORE_PATH, TEST_IDENTITY);
  return { fs, primary: new PrimaryStore(fs, STORE_PATH, TEST_IDENTITY) };
}

describe('the manifest of a deleted file', () => {
  it('is kept, and found with the time of the delete', async () => {
    const store = await crashPrimary();
    await putManifest(store, FILE.fileId, 'bytes');
    await store.primary.deleted.take(FILE);
    expect(await hasManifest(store, FILE.fileId)).toBe(false);
    expect(await store.primary.deleted.find(FILE.fileId)).toEqual(FILE);
    expect((await store.primary.deleted.read(FILE))?.toString()).toBe('bytes');
  });

  it('is not found under the id of another file of its shard', async () => {
    const store = await crashPrimary();
    await putManifest(store, FILE.fileId, 'bytes');
    await store.primary.deleted.take(FILE);
    const other = `${newFileId(1).slice(0, -2)}${FILE.fileId.slice(-2)}` as FileId;
    expect(await store.primary.deleted.find(other)).toBeUndefined();
  });

  it.each(['ENOSPC', 'EDQUOT'])(
    'goes for good where a full disk has no room for its new name: %s',
    async (errorCode) => {
      const store = await crashPrimary();
      await putManifest(store, FILE.fileId, 'bytes');
      store.fs.failNext({ operation: 'rename', pathPattern: /\/deleted\//, errorCode });
      await store.primary.deleted.take(FILE);
      expect(await hasManifest(store, FILE.fileId)).toBe(false);
      expect(await store.primary.deleted.find(FILE.fileId)).toBeUndefined();
    },
  );

  it('goes for good where there are no directories to keep it in', async () => {
    const store = await olderPrimary();
    await putManifest(store, FILE.fileId, 'bytes');
    await store.primary.deleted.take(FILE);
    expect(await hasManifest(store, FILE.fileId)).toBe(false);
    expect(await store.primary.deleted.find(FILE.fileId)).toBeUndefined();
    expect(await store.primary.deleted.page({ limit: 10 })).toEqual({ files: [], next: undefined });
  });

  it('stays kept when a replay meets the delete again, with the manifest or without', async () => {
    const store = await crashPrimary();
    await putManifest(store, FILE.fileId, 'first');
    await store.primary.deleted.take(FILE);
    await store.primary.deleted.take(FILE);
    expect((await store.primary.deleted.read(FILE))?.toString()).toBe('first');
    await putManifest(store, FILE.fileId, 'written again');
    await store.primary.deleted.take(FILE);
    expect((await store.primary.deleted.read(FILE))?.toString()).toBe('written again');
    expect((await store.primary.deleted.page({ limit: 10 })).files).toEqual([FILE]);
  });

  it('is gone when it was removed, and a second removal is no error', async () => {
    const store = await crashPrimary();
    await putManifest(store, FILE.fileId, 'bytes');
    await store.primary.deleted.take(FILE);
    await store.primary.deleted.remove(FILE);
    await store.primary.deleted.remove(FILE);
    expect(await store.primary.deleted.find(FILE.fileId)).toBeUndefined();
    expect(await store.primary.deleted.read(FILE)).toBeUndefined();
  });
});

describe('a listing of deleted manifests', () => {
  it('gives each once, in pages, and what is no manifest never', async () => {
    const store = await crashPrimary();
    const files = Array.from({ length: 9 }, (_, index) => ({ fileId: newFileId(1000), deletedAtMs: index }));
    for (const file of files) {
      await putManifest(store, file.fileId, 'bytes');
      await store.primary.deleted.take(file);
    }
    for (const name of ['notes.txt', `${FILE.fileId}.soon`, FILE.fileId, '.1']) {
      await (await store.fs.create(`${STORE_PATH}/deleted/00/${name}`)).close();
    }
    const listed: DeletedFile[] = [];
    let after: string | undefined;
    do {
      const page = await store.primary.deleted.page({ after, limit: 2 });
      expect(page.files.length).toBeLessThanOrEqual(2);
      listed.push(...page.files);
      after = page.next;
    } while (after !== undefined);
    const byTime = (left: DeletedFile, right: DeletedFile): number => left.deletedAtMs - right.deletedAtMs;
    expect(listed.toSorted(byTime)).toEqual(files);
  });
});

describe('the directories of deleted manifests', () => {
  it('are made for a store that lacks them, and durable then', async () => {
    const { fs, primary } = await olderPrimary();
    await primary.deleted.prepare();
    const [everythingLost] = crashStates(fs.snapshot(), { limit: 1 });
    expect(await everythingLost!.fileSystem.readDirectory(`${STORE_PATH}/deleted`)).toHaveLength(256);
  });

  it('are completed where a power cut left some of them', async () => {
    const { fs } = await olderPrimary();
    await fs.syncFileSystem(STORE_PATH);
    await fs.makeDirectory(`${STORE_PATH}/deleted`);
    for (const shard of ['00', '7f']) await fs.makeDirectory(`${STORE_PATH}/deleted/${shard}`);
    for (const { label, fileSystem } of crashStates(fs.snapshot())) {
      const primary = new PrimaryStore(fileSystem, STORE_PATH, TEST_IDENTITY);
      await primary.deleted.prepare();
      expect(await fileSystem.readDirectory(`${STORE_PATH}/deleted`), label).toHaveLength(256);
    }
  });

  it.each(['ENOSPC', 'EDQUOT'])('keep no full disk from starting: %s', async (errorCode) => {
    const { fs, primary } = await olderPrimary();
    fs.failNext({ operation: 'makeDirectory', errorCode, after: 3 });
    await expect(primary.deleted.prepare()).resolves.toBeUndefined();
  });

  it('are refused by a disk that is broken', async () => {
    const { fs, primary } = await olderPrimary();
    fs.failNext({ operation: 'makeDirectory', errorCode: 'EIO', after: 3 });
    await expect(primary.deleted.prepare()).rejects.toMatchObject({ code: 'EIO' });
  });
});
