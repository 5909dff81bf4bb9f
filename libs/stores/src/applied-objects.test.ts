import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import { newFileId } from '#libs/kernel';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import { PrimaryStore } from './primary-store.js';
import type { ObjectKey } from './store.js';

const manifests = (count: number): ObjectKey[] =>
  Array.from({ length: count }, () => ({ kind: 'manifest', id: newFileId(1_764_000_000_000) }));
const [KEY] = manifests(1) as [ObjectKey & { readonly kind: 'manifest' }];
const DELETED = { fileId: KEY.id, deletedAtMs: 1_764_000_000_001 };
const DELETED_PATH = `${STORE_PATH}/deleted/${KEY.id.slice(-2)}/${KEY.id}.${DELETED.deletedAtMs}`;

/** What the store can hold under `key` after a power cut now. */
async function possibleObjects(fs: CrashFileSystem, key: ObjectKey): Promise<Set<string | undefined>> {
  const contents = new Set<string | undefined>();
  for (const { fileSystem } of crashStates(fs.snapshot())) {
    contents.add((await new PrimaryStore(fileSystem, STORE_PATH, TEST_IDENTITY).get(key))?.toString());
  }
  return contents;
}

/** How many of `keys` are there, whole, after a power cut now that takes all that it can. */
async function durableCount(fs: CrashFileSystem, keys: readonly ObjectKey[]): Promise<number> {
  const [everythingLost] = crashStates(fs.snapshot(), { limit: 1 });
  const store = new PrimaryStore(everythingLost!.fileSystem, STORE_PATH, TEST_IDENTITY);
  const found = await Promise.all(keys.map((key) => store.get(key)));
  return found.filter((bytes, index) => bytes?.toString() === keys[index]!.id).length;
}

describe('objects that apply wrote', () => {
  it('are there for a reader at once, and may be lost before a flush', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    expect((await primary.get(KEY))?.toString()).toBe('new');
    const possible = await possibleObjects(fs, KEY);
    expect(possible).toContain(undefined);
    expect(possible).toContain('new');
  });

  it('are never lost after a flush', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set(['new']));
  });

  it('are never lost after a flush where they replaced one that was durable', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(KEY, Buffer.from('old'));
    await primary.applied.write(KEY, Buffer.from('new'));
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set(['new']));
  });

  // Up to 256 are synced one by one, more by a sync of the file system.
  it.each([1, 2, 256, 257, 400])('are never lost after a flush of %i files', async (count) => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(count);
    for (const key of keys) await primary.applied.write(key, Buffer.from(key.id));
    expect(await durableCount(fs, keys)).toBe(0);
    await primary.applied.flush();
    expect(await durableCount(fs, keys)).toBe(count);
    expect([...crashStates(fs.snapshot())]).toHaveLength(1);
  });

  it('of both kinds and many shards are covered by one flush', async () => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(60).map((key, index): ObjectKey =>
      index % 2 === 0 ? key : ({ ...key, kind: 'tombstone' } as ObjectKey),
    );
    for (const key of keys) await primary.applied.write(key, Buffer.from(key.id));
    await primary.applied.flush();
    expect(await durableCount(fs, keys)).toBe(60);
  });

  it('of every flush are covered, not only of the first', async () => {
    const { fs, primary } = await crashPrimary();
    for (const content of ['first', 'second', 'third']) {
      await primary.applied.write(KEY, Buffer.from(content));
      await primary.applied.flush();
      expect(await possibleObjects(fs, KEY)).toEqual(new Set([content]));
    }
  });

  it('written while a flush runs are covered by the next', async () => {
    const { fs, primary } = await crashPrimary();
    const [other] = manifests(1) as [ObjectKey];
    await primary.applied.write(other, Buffer.from('other'));
    const flushing = primary.applied.flush();
    await primary.applied.write(KEY, Buffer.from('new'));
    await flushing;
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set(['new']));
  });
});

describe('objects that apply is writing while a flush runs', () => {
  /** Writes off the main thread, as Node.js does: other calls come and go meanwhile. */
  class SlowReplace extends CrashFileSystem {
    override async replaceFiles(...call: Parameters<CrashFileSystem['replaceFiles']>): Promise<void> {
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      await super.replaceFiles(...call);
    }
  }

  it('are covered by the next', async () => {
    const { fs } = await crashPrimary();
    const slow = new SlowReplace({ snapshot: fs.snapshot() });
    const primary = new PrimaryStore(slow, STORE_PATH, TEST_IDENTITY);
    const writing = primary.applied.write(KEY, Buffer.from('new'));
    await primary.applied.flush();
    await writing;
    await primary.applied.flush();
    expect(await possibleObjects(slow, KEY)).toEqual(new Set(['new']));
  });
});

describe('objects that apply removed', () => {
  it('may come back before a flush', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(KEY, Buffer.from('old'));
    await primary.applied.retire(DELETED);
    expect(await primary.get(KEY)).toBeUndefined();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set([undefined, 'old']));
  });

  it('never come back after a flush', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(KEY, Buffer.from('old'));
    await primary.applied.retire(DELETED);
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set([undefined]));
  });

  it('never come back where they were written and removed between two flushes', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    await primary.applied.retire(DELETED);
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set([undefined]));
  });

  it.each([
    ['unlink', (fs: CrashFileSystem, path: string) => fs.unlink(path)],
    ['rename', (fs: CrashFileSystem, path: string) => fs.rename(path, DELETED_PATH)],
  ])('are no error where they are missing, and the %s that a killed process made is flushed too', async (_, remove) => {
    const { fs, primary } = await crashPrimary();
    await primary.put(KEY, Buffer.from('old'));
    await remove(fs, primary.pathOf(KEY));
    await primary.applied.retire(DELETED);
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set([undefined]));
  });

  it('while a flush looks for their files are covered by the next', async () => {
    const { fs, primary } = await crashPrimary();
    const others = manifests(8);
    for (const key of [...others, KEY]) await primary.applied.write(key, Buffer.from(key.id));
    const flushing = primary.applied.flush();
    await primary.applied.retire(DELETED);
    await flushing;
    expect(await durableCount(fs, others)).toBe(8);
    await primary.applied.flush();
    expect(await possibleObjects(fs, KEY)).toEqual(new Set([undefined]));
  });

  it('under way while a flush runs are covered by the next', async () => {
    /** Removes in the thread pool, as Node.js does: other calls come and go meanwhile. */
    class SlowRename extends CrashFileSystem {
      override async rename(from: string, to: string): Promise<void> {
        for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
        await super.rename(from, to);
      }
    }
    const { fs } = await crashPrimary();
    const slow = new SlowRename({ snapshot: fs.snapshot() });
    const primary = new PrimaryStore(slow, STORE_PATH, TEST_IDENTITY);
    await primary.put(KEY, Buffer.from('old'));
    const removing = primary.applied.retire(DELETED);
    await primary.applied.flush();
    await removing;
    await primary.applied.flush();
    expect(await possibleObjects(slow, KEY)).toEqual(new Set([undefined]));
  });

  it('stay when the disk refuses', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(KEY, Buffer.from('old'));
    for (const operation of ['rename', 'unlink'] as const) fs.failNext({ operation, errorCode: 'EROFS' });
    await expect(primary.applied.retire(DELETED)).rejects.toMatchObject({ code: 'EROFS' });
    expect((await primary.get(KEY))?.toString()).toBe('old');
  });
});

describe('a flush that fails', () => {
  it.each(['openRead', 'dataSync', 'syncDirectory'] as const)('says so: %s', async (operation) => {
    const { fs, primary } = await crashPrimary();
    for (const key of manifests(5)) await primary.applied.write(key, Buffer.from(key.id));
    fs.failNext({ operation, errorCode: 'EIO', after: 2 });
    await expect(primary.applied.flush()).rejects.toMatchObject({ code: 'EIO' });
  });

  it('says so: syncFileSystem', async () => {
    const { fs, primary } = await crashPrimary();
    for (const key of manifests(257)) await primary.applied.write(key, Buffer.from(key.id));
    fs.failNext({ operation: 'syncFileSystem', errorCode: 'EIO' });
    await expect(primary.applied.flush()).rejects.toMatchObject({ code: 'EIO' });
  });

  it('leaves no file open', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    fs.failNext({ operation: 'close', errorCode: 'EBADF' });
    // The close is reached: its own failure is the one that shows.
    await expect(primary.applied.flush()).rejects.toMatchObject({ code: 'EBADF' });
  });
});

describe('a replay after a restart of the process', () => {
  /** The next process on the same machine; it has been told to write what the log has, and has flushed it. */
  async function replayed(before: CrashFileSystem): Promise<CrashFileSystem> {
    const fs = before.killed();
    const primary = new PrimaryStore(fs, STORE_PATH, TEST_IDENTITY);
    await primary.applied.lookForDoubt();
    await primary.applied.refreshAll([{ key: KEY, bytes: Buffer.from('new') }]);
    await primary.applied.flush();
    return fs;
  }

  it('where the process before failed to flush, is flushed although an error of before was left to be told', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.raiseDoubt();
    const killed = fs.killed();
    const next = new PrimaryStore(killed, STORE_PATH, TEST_IDENTITY);
    // Linux tells it to whoever syncs first.
    killed.failNext({ operation: 'syncFileSystem', errorCode: 'EIO' });
    await next.applied.lookForDoubt();
    const keys = manifests(257);
    await next.applied.refreshAll(keys.map((key) => ({ key, bytes: Buffer.from(key.id) })));
    await next.applied.flush();
    expect(await durableCount(killed, keys)).toBe(257);
  });

  it('makes durable what the process before had only written', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    expect(await possibleObjects(await replayed(fs), KEY)).toEqual(new Set(['new']));
  });

  it('makes durable what the kernel failed to write back behind the back of the process before', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    const file = await fs.openRead(primary.pathOf(KEY));
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(file.dataSync()).rejects.toMatchObject({ code: 'EIO' });
    expect(await possibleObjects(await replayed(fs), KEY)).toEqual(new Set(['new']));
  });

  it.each(['dataSync', 'syncDirectory'] as const)(
    'makes durable what the process before failed to flush: %s',
    async (operation) => {
      const { fs, primary } = await crashPrimary();
      await primary.applied.write(KEY, Buffer.from('new'));
      fs.failNext({ operation, errorCode: 'EIO' });
      await expect(primary.applied.flush()).rejects.toMatchObject({ code: 'EIO' });
      expect(await possibleObjects(await replayed(fs), KEY)).toEqual(new Set(['new']));
    },
  );

  it('gives a file with other bytes the ones of the log', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('rot'));
    expect(await possibleObjects(await replayed(fs), KEY)).toEqual(new Set(['new']));
  });

  it('doubts no longer than until its flush', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.applied.write(KEY, Buffer.from('new'));
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    await expect(primary.applied.flush()).rejects.toMatchObject({ code: 'EIO' });
    expect(Object.keys(fs.tree())).toContain(`${STORE_PATH}/flush-failed`);
    expect(Object.keys((await replayed(fs)).tree())).not.toContain(`${STORE_PATH}/flush-failed`);
  });
});

describe('a replay of many objects', () => {
  /** Notes each call; the first one fails at once and the second one takes its time. */
  class TwoCalls extends CrashFileSystem {
    readonly events: string[] = [];
    readonly directories: Set<string>[] = [];
    fail = false;

    override async refreshFiles(files: Parameters<CrashFileSystem['refreshFiles']>[0]): Promise<void> {
      const call = this.directories.push(new Set(files.map(({ path }) => dirname(path))));
      if (this.fail && call === 1) throw Object.assign(new Error('EIO'), { code: 'EIO' });
      for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
      await super.refreshFiles(files);
      this.events.push(`call ${call} ends`);
    }
  }

  async function replay({
    fail,
  }: {
    readonly fail: boolean;
  }): Promise<{ readonly fs: TwoCalls; readonly replaying: Promise<void> }> {
    const { fs: made } = await crashPrimary();
    const fs = Object.assign(new TwoCalls({ snapshot: made.snapshot() }), { fail });
    const primary = new PrimaryStore(fs, STORE_PATH, TEST_IDENTITY);
    const objects = manifests(500).map((key) => ({ key, bytes: Buffer.from(key.id) }));
    return { fs, replaying: primary.applied.refreshAll(objects) };
  }

  it('gives no directory to two calls', async () => {
    const { fs, replaying } = await replay({ fail: false });
    await replaying;
    const [first, second] = fs.directories as [Set<string>, Set<string>];
    expect(fs.directories).toHaveLength(2);
    expect([...first].filter((directory) => second.has(directory))).toEqual([]);
  });

  it('that fails in one call ends with the other', async () => {
    const { fs, replaying } = await replay({ fail: true });
    await expect(replaying.finally(() => fs.events.push('refused'))).rejects.toMatchObject({ code: 'EIO' });
    expect(fs.events).toEqual(['call 2 ends', 'refused']);
  });
});
