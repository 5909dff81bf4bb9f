import { nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { FileId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { chunkOf, crashPrimary, STORE_PATH, storeContract, TEST_IDENTITY } from '../testing/src/index.js';
import { DirectoryStore, initDirectoryStore } from './directory-store.js';
import type { ObjectKey } from './store.js';
import { readIdentity } from './store-identity.js';
import { KIND_DIRECTORY, SHARDS } from './store-layout.js';

async function setAsideIn(fs: FileSystem, root: string): Promise<Map<string, string>> {
  const directory = join(root, 'corrupt');
  const contents = new Map<string, string>();
  for (const name of await fs.readDirectory(directory)) {
    contents.set(name, (await fs.readFile(join(directory, name))).toString());
  }
  return contents;
}

storeContract('a directory on the crash file system', async () => {
  const { fs, primary } = await crashPrimary();
  return {
    store: primary,
    failNextPut: () => fs.failNext({ operation: 'rename', errorCode: 'EIO' }),
    setAside: () => setAsideIn(fs, STORE_PATH),
    cleanUp: async () => undefined,
  };
});

storeContract('a directory', async () => {
  const root = await mkdtemp(join(tmpdir(), 'holdfast-store-'));
  let failures = 0;
  const fs: FileSystem = {
    ...nodeFileSystem,
    renameFiles: (renames) =>
      failures-- > 0 ? Promise.reject(new Error('a rename fails')) : nodeFileSystem.renameFiles(renames),
    rename: (from, to) =>
      failures-- > 0 ? Promise.reject(new Error('a rename fails')) : nodeFileSystem.rename(from, to),
  };
  await initDirectoryStore(nodeFileSystem, root, TEST_IDENTITY);
  return {
    store: new DirectoryStore(fs, root, TEST_IDENTITY),
    failNextPut: () => (failures = 1),
    setAside: () => setAsideIn(nodeFileSystem, root),
    cleanUp: () => rm(root, { recursive: true }),
  };
});

const MANIFEST: ObjectKey = { kind: 'manifest', id: '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' as FileId };

/** What the store can hold under `key` after a power cut at the snapshot. */
async function possibleObjects(snapshot: DiskSnapshot, key: ObjectKey): Promise<Set<string | undefined>> {
  const contents = new Set<string | undefined>();
  for (const { fileSystem } of crashStates(snapshot)) {
    contents.add((await new DirectoryStore(fileSystem, STORE_PATH, TEST_IDENTITY).get(key))?.toString());
  }
  return contents;
}

/** Every instant of `call`, from before its first operation to after its last. */
async function instantsOf(fs: CrashFileSystem, call: () => Promise<void>): Promise<DiskSnapshot[]> {
  const instants: DiskSnapshot[] = [];
  fs.onBoundary(() => instants.push(fs.snapshot()));
  await call();
  return [...instants, fs.snapshot()];
}

describe('a directory store after a power cut', () => {
  it.each([MANIFEST, chunkOf('new').key])('put is durable on return: $kind', async (key) => {
    const { fs, primary } = await crashPrimary();
    await primary.put(key, Buffer.from('new'));
    expect(await possibleObjects(fs.snapshot(), key)).toEqual(new Set(['new']));
  });

  it('put is durable on return over an older object', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(MANIFEST, Buffer.from('old'));
    await primary.put(MANIFEST, Buffer.from('new'));
    expect(await possibleObjects(fs.snapshot(), MANIFEST)).toEqual(new Set(['new']));
  });

  it('at no instant of a put there is part of an object', async () => {
    const { fs, primary } = await crashPrimary();
    const first = await instantsOf(fs, () => primary.put(MANIFEST, Buffer.from('old')));
    for (const snapshot of first) {
      const possible = await possibleObjects(snapshot, MANIFEST);
      expect([...possible].filter((content) => content !== undefined && content !== 'old')).toEqual([]);
    }
    const second = await instantsOf(fs, () => primary.put(MANIFEST, Buffer.from('new')));
    for (const snapshot of second) {
      const possible = await possibleObjects(snapshot, MANIFEST);
      expect([...possible].filter((content) => content !== 'new' && content !== 'old')).toEqual([]);
    }
  });

  it('delete is durable on return', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(MANIFEST, Buffer.from('old'));
    await primary.delete(MANIFEST);
    expect(await possibleObjects(fs.snapshot(), MANIFEST)).toEqual(new Set([undefined]));
  });

  it('delete is durable on return where an earlier one was cut off before its sync', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(MANIFEST, Buffer.from('old'));
    await fs.unlink(primary.pathOf(MANIFEST));
    expect(await possibleObjects(fs.snapshot(), MANIFEST)).toEqual(new Set(['old', undefined]));
    await primary.delete(MANIFEST);
    expect(await possibleObjects(fs.snapshot(), MANIFEST)).toEqual(new Set([undefined]));
  });

  it.each(['create', 'write', 'dataSync', 'rename', 'syncDirectory'] as const)(
    'put tells its caller where %s fails',
    async (operation) => {
      const { fs, primary } = await crashPrimary();
      fs.failNext({ operation, errorCode: 'EIO' });
      await expect(primary.put(MANIFEST, Buffer.from('new'))).rejects.toMatchObject({ code: 'EIO' });
    },
  );

  it.each(['unlink', 'syncDirectory'] as const)('delete tells its caller where %s fails', async (operation) => {
    const { fs, primary } = await crashPrimary();
    await primary.put(MANIFEST, Buffer.from('old'));
    fs.failNext({ operation, errorCode: 'EIO' });
    await expect(primary.delete(MANIFEST)).rejects.toMatchObject({ code: 'EIO' });
  });

  it.each([
    ['get', (store: DirectoryStore) => store.get(MANIFEST, { into: Buffer.alloc(4) })],
    ['getRange', (store: DirectoryStore) => store.getRange(MANIFEST, { start: 0, end: 4 })],
  ])('%s takes a failing disk for no missing object', async (_name, read) => {
    const { fs, primary } = await crashPrimary();
    await primary.put(MANIFEST, Buffer.from('old'));
    fs.failNext({ operation: 'read', errorCode: 'EIO' });
    await expect(read(primary)).rejects.toMatchObject({ code: 'EIO' });
    fs.failNext({ operation: 'openRead', errorCode: 'EMFILE' });
    await expect(read(primary)).rejects.toMatchObject({ code: 'EMFILE' });
  });
});

describe('a put that was cut off', () => {
  it('by a kill does not stand in the way of the next process', async () => {
    const { fs, primary } = await crashPrimary();
    const put = primary.put(MANIFEST, Buffer.from('new'));
    const next = new DirectoryStore(fs.killed(), STORE_PATH, TEST_IDENTITY);
    await put.catch(() => undefined);
    await next.put(MANIFEST, Buffer.from('new'));
    expect((await next.get(MANIFEST))?.toString()).toBe('new');
  });

  it('by nothing: two processes put into one store at the same time', async () => {
    const { fs } = await crashPrimary();
    const stores = ['one', 'two'].map(() => new DirectoryStore(fs, STORE_PATH, TEST_IDENTITY));
    await Promise.all(stores.map((store) => store.put(MANIFEST, Buffer.from('new'))));
    expect((await stores[0]!.get(MANIFEST))?.toString()).toBe('new');
  });

  it.each(['write', 'dataSync', 'rename'] as const)('by a failing %s leaves no temporary', async (operation) => {
    const { fs, primary } = await crashPrimary();
    fs.failNext({ operation, errorCode: 'ENOSPC', writtenBytes: 1 });
    await expect(primary.put(MANIFEST, Buffer.from('new'))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(await fs.readDirectory(`${STORE_PATH}/staging`)).toEqual([]);
  });
});

describe('making a directory store', () => {
  const directories = [
    `${STORE_PATH}/staging/`,
    `${STORE_PATH}/corrupt/`,
    ...Object.values(KIND_DIRECTORY).flatMap((kind) => [
      `${STORE_PATH}/${kind}/`,
      ...SHARDS.map((shard) => `${STORE_PATH}/${kind}/${shard}/`),
    ]),
  ];

  it('makes every directory durable, and nothing else', async () => {
    const fs = new CrashFileSystem();
    await initDirectoryStore(fs, STORE_PATH, TEST_IDENTITY);
    const expected = [`${STORE_PATH}/`, `${STORE_PATH}/holdfast.json`, ...directories].sort();
    expect(Object.keys(fs.durableTree()).sort()).toEqual(expected);
    expect(Object.keys(fs.tree()).sort()).toEqual(expected);
  });

  it('the identity stands only where all directories stand, after a power cut at any instant', async () => {
    const fs = new CrashFileSystem();
    const instants = await instantsOf(fs, () => initDirectoryStore(fs, STORE_PATH, TEST_IDENTITY));
    let withIdentity = 0;
    // The instants of the first directories are all alike: the last ones and a sample of the others say it all.
    for (const snapshot of instants.filter((_snapshot, index) => index % 97 === 0 || index > instants.length - 12)) {
      for (const { fileSystem, label } of crashStates(snapshot, { limit: 12 })) {
        const tree = fileSystem.tree();
        if (tree[`${STORE_PATH}/holdfast.json`] === undefined) continue;
        withIdentity += 1;
        expect(
          directories.filter((path) => !(path in tree)),
          label,
        ).toEqual([]);
      }
    }
    expect(withIdentity).toBeGreaterThan(0);
  });

  it('is done again, to the end, after a kill at any instant', async () => {
    const fs = new CrashFileSystem();
    const instants = await instantsOf(fs, () => initDirectoryStore(fs, STORE_PATH, TEST_IDENTITY));
    for (const snapshot of instants.filter((_snapshot, index) => index % 97 === 0 || index > instants.length - 12)) {
      const again = new CrashFileSystem({ snapshot });
      await initDirectoryStore(again, STORE_PATH, TEST_IDENTITY);
      expect(Object.keys(again.durableTree()).length).toBe(directories.length + 2);
      expect(await readIdentity(again, STORE_PATH)).toEqual(TEST_IDENTITY);
    }
  });
});

describe('directories of the layout that somebody removed', () => {
  it('are an error of a listing, or gaps for who says so, and are made again', async () => {
    const root = await mkdtemp(join(tmpdir(), 'holdfast-gaps-'));
    await initDirectoryStore(nodeFileSystem, root, TEST_IDENTITY);
    const store = new DirectoryStore(nodeFileSystem, root, TEST_IDENTITY);
    await rm(join(root, 'chunks'), { recursive: true });
    await rm(join(root, 'manifests', '7f'), { recursive: true });
    await expect(store.list('chunk', { limit: 5 })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await store.list('chunk', { limit: 5, gaps: 'skip' })).toEqual({ ids: [], next: undefined });
    expect(await store.restoreDirectories()).toBe(SHARDS.length + 2);
    expect(await store.restoreDirectories()).toBe(0);
    expect(await store.list('chunk', { limit: 5 })).toEqual({ ids: [], next: undefined });
    await rm(root, { recursive: true });
  });
});
