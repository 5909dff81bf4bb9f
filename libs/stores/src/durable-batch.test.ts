/** Batches of a directory store, cut off by the power at every step. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { newFileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import { DirectoryStore } from './directory-store.js';
import { MAX_SINGLE_SYNCS } from './durable-batch.js';
import type { ObjectKey, Store, StoredObject } from './store.js';

const STATES_PER_INSTANT = 12;
/** Instants of a large batch are many and alike. */
const MOST_INSTANTS = 60;
/** Larger than a sector, so that it can be torn. */
const contentOf = (key: ObjectKey, version: string): Buffer => Buffer.alloc(700, `${version} of ${key.id} `);

const FEW = 3;
const MANY = MAX_SINGLE_SYNCS + 8;
const SIZES = [1, FEW, MANY];

function manifests(count: number): ObjectKey[] {
  return Array.from({ length: count }, () => ({ kind: 'manifest', id: newFileId(1_764_000_000_000) }));
}

const objectsOf = (keys: readonly ObjectKey[], version: string): StoredObject[] =>
  keys.map((key) => ({ key, bytes: contentOf(key, version) }));

const storeOn = (fs: CrashFileSystem): DirectoryStore => new DirectoryStore(fs, STORE_PATH, TEST_IDENTITY);

/** The instants of `call`, with the one after it; of many, an even choice with the first and the last ones. */
async function instantsOf(fs: CrashFileSystem, call: () => Promise<void>): Promise<DiskSnapshot[]> {
  const instants: DiskSnapshot[] = [];
  fs.onBoundary(() => instants.push(fs.snapshot()));
  await call();
  instants.push(fs.snapshot());
  const step = Math.ceil(instants.length / MOST_INSTANTS);
  return instants.filter((_instant, index) => index % step === 0 || index > instants.length - 8);
}

/** Which of `versions` each key has in every state that a cut at the snapshot can leave; undefined where it has none. */
async function possibleVersions(
  snapshot: DiskSnapshot,
  keys: readonly ObjectKey[],
  versions: readonly string[],
): Promise<Set<string | undefined>> {
  const found = new Set<string | undefined>();
  for (const { fileSystem } of crashStates(snapshot, { limit: STATES_PER_INSTANT })) {
    const store = storeOn(fileSystem);
    for (const key of keys) {
      const bytes = await store.get(key);
      const version = versions.find((candidate) => bytes?.equals(contentOf(key, candidate)));
      found.add(bytes === undefined ? undefined : (version ?? 'torn'));
    }
  }
  return found;
}

describe.each(SIZES)('a batch of %i and a power cut', (count) => {
  it('leave every object whole or missing at any instant, and all of them on return', async () => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(count);
    const instants = await instantsOf(fs, () => primary.putAll(objectsOf(keys, 'new')));
    for (const snapshot of instants) {
      expect([undefined, 'new']).toEqual(
        expect.arrayContaining([...(await possibleVersions(snapshot, keys, ['new']))]),
      );
    }
    expect(await possibleVersions(instants.at(-1)!, keys, ['new'])).toEqual(new Set(['new']));
  });

  it('leave the old objects or the new, never less, at any instant', async () => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(count);
    await primary.putAll(objectsOf(keys, 'old'));
    const instants = await instantsOf(fs, () => primary.putAll(objectsOf(keys, 'new')));
    for (const snapshot of instants) {
      const possible = await possibleVersions(snapshot, keys, ['old', 'new']);
      expect(['old', 'new']).toEqual(expect.arrayContaining([...possible]));
    }
    expect(await possibleVersions(instants.at(-1)!, keys, ['old', 'new'])).toEqual(new Set(['new']));
  });

  it('take no removal back that has returned', async () => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(count);
    await primary.putAll(objectsOf(keys, 'old'));
    await primary.deleteAll(keys);
    expect(await possibleVersions(fs.snapshot(), keys, ['old'])).toEqual(new Set([undefined]));
  });

  it('take no object that was synced by its key after a kill', async () => {
    const { primary, fs } = await crashPrimary();
    const keys = manifests(count);
    // Killed in front of the first sync of a directory: all names are there, and none is sure.
    for (const { key, bytes } of objectsOf(keys, 'new')) {
      const temporaryPath = primary.temporaryPath();
      const file = await fs.create(temporaryPath);
      await file.write(bytes, 0);
      await file.dataSync();
      await fs.rename(temporaryPath, primary.pathOf(key));
    }
    const killed = fs.killed();
    expect(await possibleVersions(killed.snapshot(), keys, ['new'])).toContain(undefined);
    await storeOn(killed).syncAll(keys);
    expect(await possibleVersions(killed.snapshot(), keys, ['new'])).toEqual(new Set(['new']));
  });

  it.each(['create', 'write', 'dataSync', 'syncFileSystem', 'rename'] as const)(
    'leave no temporaries where %s fails',
    async (operation) => {
      const { fs, primary } = await crashPrimary();
      fs.failNext({ operation, errorCode: 'ENOSPC', after: operation === 'syncFileSystem' ? 0 : count - 1 });
      // Few and many go through different calls: only the rename is common to both.
      await primary.putAll(objectsOf(manifests(count), 'new')).catch(() => undefined);
      expect(await fs.readDirectory(`${STORE_PATH}/staging`)).toEqual([]);
    },
  );
});

describe('a batch', () => {
  it.each(['create', 'write', 'dataSync', 'rename', 'syncDirectory'] as const)(
    'of few tells its caller where %s fails',
    async (operation) => {
      const { fs, primary } = await crashPrimary();
      fs.failNext({ operation, errorCode: 'EIO', after: 1 });
      await expect(primary.putAll(objectsOf(manifests(FEW), 'new'))).rejects.toMatchObject({ code: 'EIO' });
    },
  );

  // The first sync is that of the bytes, the second that of the names.
  it.each([
    ['create', 3],
    ['write', 3],
    ['syncFileSystem', 0],
    ['rename', 3],
    ['syncFileSystem', 1],
  ] as const)('of many tells its caller where %s fails after %i', async (operation, after) => {
    const { fs, primary } = await crashPrimary();
    // Spread over more shards than are synced one by one.
    const keys = manifests(200);
    fs.failNext({ operation, errorCode: 'EIO', after });
    await expect(primary.putAll(objectsOf(keys, 'new'))).rejects.toMatchObject({ code: 'EIO' });
  });

  it.each(['unlink', 'syncDirectory'] as const)('of removals tells its caller where %s fails', async (operation) => {
    const { fs, primary } = await crashPrimary();
    const keys = manifests(FEW);
    await primary.putAll(objectsOf(keys, 'old'));
    fs.failNext({ operation, errorCode: 'EIO', after: 1 });
    await expect(primary.deleteAll(keys)).rejects.toMatchObject({ code: 'EIO' });
  });
});

/** Whose writes are lost while a batch is under way, and the sync of somebody else is told so. */
class DiskThatTellsAnother extends CrashFileSystem {
  #toldAtNs = -1n;
  /** Behind which call of the batch that happens. */
  behind: 'createFiles' | 'renameFiles' | 'unlink' | 'nothing' = 'nothing';

  override async createFiles(...call: Parameters<CrashFileSystem['createFiles']>): Promise<void> {
    await super.createFiles(...call);
    this.#tell('createFiles');
  }

  override async renameFiles(...call: Parameters<CrashFileSystem['renameFiles']>): Promise<void> {
    await super.renameFiles(...call);
    this.#tell('renameFiles');
  }

  override async unlink(path: string): Promise<void> {
    await super.unlink(path);
    this.#tell('unlink');
  }

  override async syncFileSystem(path: string, sinceNs = process.hrtime.bigint()): Promise<void> {
    if (sinceNs <= this.#toldAtNs) throw Object.assign(new Error('told to another'), { code: 'EIO' });
    await super.syncFileSystem(path);
  }

  #tell(call: typeof this.behind): void {
    if (call === this.behind) this.#toldAtNs = process.hrtime.bigint();
  }
}

describe('a batch of many, some of which is lost while it is written, and another sync is told', () => {
  const keys = manifests(400);

  async function storeOnSuchADisk(): Promise<{ fs: DiskThatTellsAnother; store: DirectoryStore }> {
    const fs = new DiskThatTellsAnother({ snapshot: (await crashPrimary()).fs.snapshot() });
    return { fs, store: storeOn(fs) };
  }

  it.each(['createFiles', 'renameFiles'] as const)('fails: %s', async (call) => {
    const { fs, store } = await storeOnSuchADisk();
    fs.behind = call;
    await expect(store.putAll(objectsOf(keys, 'new'))).rejects.toMatchObject({ code: 'EIO' });
    fs.behind = 'nothing';
    await store.putAll(objectsOf(keys, 'new'));
  });

  it('fails also where their names are in few directories, which are synced each by itself', async () => {
    const { fs, store } = await storeOnSuchADisk();
    const inFewShards = manifests(1_000).filter(({ id }) => id.at(-2) === '0');
    expect(inFewShards.length).toBeGreaterThan(MAX_SINGLE_SYNCS);
    fs.behind = 'createFiles';
    await expect(store.putAll(objectsOf(inFewShards, 'new'))).rejects.toMatchObject({ code: 'EIO' });
  });

  it('fails: unlink', async () => {
    const { fs, store } = await storeOnSuchADisk();
    await store.putAll(objectsOf(keys, 'old'));
    fs.behind = 'unlink';
    await expect(store.deleteAll(keys)).rejects.toMatchObject({ code: 'EIO' });
    fs.behind = 'nothing';
    await store.deleteAll(keys);
  });
});

describe('objects set aside', () => {
  const [key] = manifests(1) as [ObjectKey];

  async function asideContents(fs: CrashFileSystem): Promise<string[]> {
    const names = await fs.readDirectory(`${STORE_PATH}/corrupt`);
    const contents = await Promise.all(names.map((name) => fs.readFile(`${STORE_PATH}/corrupt/${name}`)));
    return contents.map(String).sort();
  }

  it('are all kept, also those of one id', async () => {
    const { fs, primary } = await crashPrimary();
    for (const version of ['one', 'three', 'two']) {
      await primary.put(key, Buffer.from(version));
      await primary.setAside(key);
    }
    expect(await asideContents(fs)).toEqual(['one', 'three', 'two']);
    expect(
      (await fs.readDirectory(`${STORE_PATH}/corrupt`)).every((name) => name.startsWith(`manifest-${key.id}-`)),
    ).toBe(true);
  });

  it('by two processes at once are kept, once', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(key, Buffer.from('corrupt'));
    const stores: Store[] = [storeOn(fs), storeOn(fs)];
    await Promise.all(stores.map((store) => store.setAside(key)));
    expect(await asideContents(fs)).toEqual(['corrupt']);
  });

  it('are under their own name or aside at any instant of a power cut, and aside on return', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(key, Buffer.from('older'));
    await primary.setAside(key);
    await primary.put(key, Buffer.from('corrupt'));
    const instants = await instantsOf(fs, () => primary.setAside(key));
    for (const snapshot of instants) {
      for (const { fileSystem } of crashStates(snapshot)) {
        const standing = (await storeOn(fileSystem).get(key))?.toString();
        const everywhere = [...(await asideContents(fileSystem)), ...(standing === undefined ? [] : [standing])].sort();
        expect(everywhere).toEqual(['corrupt', 'older']);
      }
    }
    for (const { fileSystem } of crashStates(instants.at(-1)!)) {
      expect(await storeOn(fileSystem).has(key)).toBeUndefined();
    }
  });
});
