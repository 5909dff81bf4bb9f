import { ScrubBench } from '#libs/maintenance/testing';
import type { ChunkId, StoreId } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { fileOf } from '#libs/transfer/testing';
import type { TestFile } from '#libs/transfer/testing';
import { describe, expect, it } from 'vitest';
import type { PassProgress } from './pass.js';
import { ScrubPass } from './scrub-pass.js';

/** Above what is hashed on the spot. */
const LARGE = Buffer.alloc(100_000, 7);

async function readThrough(bench: ScrubBench, storeId: StoreId): Promise<PassProgress> {
  const pass = new ScrubPass(bench.context, { storeId });
  while ((await pass.step()) === 'busy');
  return pass.progress;
}

const chunkOf = ({ chunks }: TestFile, index = 0): ObjectKey => chunks[index]!.key;
const nameOf = ({ kind, id }: ObjectKey): string => `${kind}-${id}`;

/** What was found, and what is done about it. */
async function findingsOf(bench: ScrubBench, storeId: StoreId): Promise<string[]> {
  const { findings } = await readThrough(bench, storeId);
  return findings.map(({ key, kind, action }) => `${kind} ${nameOf(key)} ${action}`);
}

/** The bench, a file of two chunks, and an inline one. */
async function benchWithFiles(options: { timeoutMs?: number } = {}) {
  const bench = await ScrubBench.make(options);
  const file = fileOf([LARGE, 'its second chunk']);
  const small = fileOf('an inline one');
  await bench.hold(file, small);
  return { bench, file, small };
}

describe('a scrub', () => {
  it('reads every object once, and finds nothing where nothing is wrong', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.delete(small);
    const { objects, bytes, found } = await readThrough(bench, bench.replicaId);
    expect([objects, found]).toEqual([4, {}]);
    expect(bytes).toBeGreaterThan(LARGE.length);
  });

  it('finds what is wrong with one of many that are read together, whether it is small or large', async () => {
    await using bench = await ScrubBench.make();
    const files = Array.from({ length: 40 }, (_, index) => fileOf(`inline ${index}`));
    const large = fileOf('larger than what is read together '.repeat(1500));
    await bench.hold(...files, large);
    const bad = [files[17]!, large];
    for (const { manifest } of bad) await bench.rot(bench.replicaId, manifest.key);
    const found = bad.map(({ manifest }) => `corrupt ${nameOf(manifest.key)} owed`);
    expect(new Set(await findingsOf(bench, bench.replicaId))).toEqual(new Set(found));
    expect((await readThrough(bench, bench.otherId)).objects).toBe(41);
  });

  it('makes bounded steps, and goes on behind any of them without leaving an object out', async () => {
    await using bench = await ScrubBench.make();
    const files = Array.from({ length: 130 }, (_, index) => fileOf(`inline ${index}`));
    await bench.hold(...files);
    await bench.rot(bench.replicaId, files[64]!.manifest.key);
    let position;
    let [objects, corrupt, steps] = [0, 0, 0];
    for (let outcome = 'busy'; outcome === 'busy'; steps += 1) {
      const pass: ScrubPass = new ScrubPass(bench.context, {
        storeId: bench.replicaId,
        ...(position === undefined ? {} : { position }),
      });
      // The end of a kind is known to the pass that has met it.
      outcome = await pass.step();
      for (let more = 0; more < 2 && outcome === 'busy'; more += 1) outcome = await pass.step();
      expect(pass.progress.objects).toBeLessThanOrEqual(96);
      objects += pass.progress.objects;
      corrupt += pass.progress.found.corrupt ?? 0;
      position = pass.position;
    }
    expect([objects, corrupt]).toEqual([130, 1]);
    expect(steps).toBeGreaterThan(1);
  });

  it.each(['chunk', 'manifest'])(
    'does not judge a %s that was wrong in one read and right in the next',
    async (kind) => {
      const { bench, file } = await benchWithFiles();
      await using _ = bench;
      const { key, bytes } = kind === 'chunk' ? file.chunks[0]! : file.manifest;
      await bench.rot(bench.replicaId, key);
      let reads = 0;
      bench.before = async ({ method, keys, storeName }) => {
        if (method !== 'get' || storeName !== 'replica' || keys[0]!.id !== key.id) return;
        reads += 1;
        if (reads === 2) await bench.stores.get(bench.replicaId)!.put(key, bytes);
      };
      expect(await findingsOf(bench, bench.replicaId)).toEqual([]);
      expect([reads, await bench.aside(bench.replicaId)]).toEqual([2, []]);
      expect(bench.owed(bench.replicaId, file.fileId)).toBe('copy done');
    },
  );

  it('leaves alone what was put anew before it could be moved', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    const key = chunkOf(file);
    await bench.rot(bench.replicaId, key);
    // Whoever is asked for the whole one is slow enough for a repair.
    bench.before = async ({ storeName }) => {
      if (storeName === 'primary') await bench.stores.get(bench.replicaId)!.put(key, LARGE);
    };
    expect(await findingsOf(bench, bench.replicaId)).toEqual([]);
    expect(await bench.isThere(bench.replicaId, key)).toBe(true);
  });

  it('does not miss what is deleted between the listing and the read', async () => {
    const { bench, file, small } = await benchWithFiles();
    await using _ = bench;
    bench.before = async ({ method, storeName }) => {
      if (method === 'get' && storeName === 'replica')
        await bench.stores.get(bench.replicaId)!.delete(small.manifest.key);
    };
    await bench.rot(bench.replicaId, file.manifest.key);
    expect(await findingsOf(bench, bench.replicaId)).toEqual([`corrupt ${nameOf(file.manifest.key)} owed`]);
  });

  it('judges nothing of a place that is another store by then, and goes on where it was', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    await bench.rot(bench.replicaId, chunkOf(file));
    const pass = new ScrubPass(bench.context, { storeId: bench.replicaId });
    bench.before = async ({ method }) => void (method === 'get' && bench.away.add(bench.replicaId));
    const until = async (): Promise<void> => {
      while ((await pass.step()) === 'busy');
    };
    await expect(until()).rejects.toMatchObject({ code: 'store_unreachable' });
    expect([pass.progress.findings, await bench.aside(bench.replicaId)]).toEqual([[], []]);
    bench.before = async () => undefined;
    bench.away.clear();
    await until();
    expect(pass.progress).toMatchObject({ objects: 4, found: { corrupt: 1 } });
  });

  it('does not take a place that was emptied for one that it has read through', async () => {
    const { bench } = await benchWithFiles();
    await using _ = bench;
    let lists = 0;
    bench.before = async ({ method }) => {
      // The last one: no other page asks who it is.
      if (method === 'list') lists += 1;
      if (lists === 3) bench.away.add(bench.replicaId);
    };
    await expect(readThrough(bench, bench.replicaId)).rejects.toMatchObject({ code: 'store_unreachable' });
  });

  it('gives a store that hangs up in time, asks it nothing more, and is not kept from the others', async () => {
    const { bench, file } = await benchWithFiles({ timeoutMs: 500 });
    await using _ = bench;
    const { promise: hang, resolve: answer } = Promise.withResolvers<void>();
    let calls = 0;
    bench.before = async ({ storeName }) => {
      if (storeName !== 'replica') return;
      calls += 1;
      await hang;
    };
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(readThrough(bench, bench.replicaId)).rejects.toMatchObject({ code: 'store_unreachable' });
    }
    expect(calls).toBe(1);
    await bench.rot(bench.otherId, chunkOf(file));
    expect(await findingsOf(bench, bench.otherId)).toEqual([`corrupt ${nameOf(chunkOf(file))} owed`]);
    expect(calls).toBe(1);
    answer();
    await expect.poll(() => readThrough(bench, bench.replicaId)).toMatchObject({ objects: 4 });
  });

  it.each([
    ['EIO', 'owed', 1],
    ['EACCES', 'reported', 0],
  ])('takes one object that fails with %s for that object’s matter: %s', async (code, action, moved) => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    const key = chunkOf(file, 1);
    bench.before = async ({ method, keys, storeName }) => {
      if (method !== 'get' || storeName !== 'replica' || keys[0]!.id !== key.id) return;
      throw Object.assign(new Error(code), { code });
    };
    expect(await findingsOf(bench, bench.replicaId)).toEqual([`corrupt ${nameOf(key)} ${action}`]);
    expect(await bench.aside(bench.replicaId)).toHaveLength(moved);
  });

  it('ends with the fault of a store that fails as a whole', async () => {
    const { bench } = await benchWithFiles();
    await using _ = bench;
    bench.before = async ({ method }) => {
      if (method === 'get') throw Object.assign(new Error('ESTALE'), { code: 'ESTALE' });
    };
    await expect(readThrough(bench, bench.replicaId)).rejects.toMatchObject({ code: 'ESTALE' });
  });
});

describe('a corrupt chunk', () => {
  it.each(['replicaId', 'primaryId'] as const)('is set aside, and its files verified there: %s', async (where) => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    const sharing = fileOf([LARGE, 'another end']);
    await bench.hold(sharing);
    const storeId = bench[where];
    await bench.rot(storeId, chunkOf(file));
    expect(await findingsOf(bench, storeId)).toEqual([`corrupt ${nameOf(chunkOf(file))} owed`]);
    expect(await bench.aside(storeId)).toEqual([nameOf(chunkOf(file))]);
    for (const { fileId } of [file, sharing]) expect(bench.owed(storeId, fileId)).toBe('verify pending');
    expect(bench.owed(bench.otherId, file.fileId)).toBe('copy done');
    expect(bench.catalog.damage.files(10)).toEqual([]);
  });

  it('of the primary stays where an upload, or a download, has it pinned; the repair that is owed replaces it', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    await bench.rot(bench.primaryId, chunkOf(file));
    await bench.context.guard.pin(Symbol('download'), [chunkOf(file).id as ChunkId]);
    expect(await findingsOf(bench, bench.primaryId)).toEqual([`corrupt ${nameOf(chunkOf(file))} owed`]);
    expect(await bench.isThere(bench.primaryId, chunkOf(file))).toBe(true);
    expect(bench.owed(bench.primaryId, file.fileId)).toBe('repair pending');
  });

  it('of the primary is moved under its chunk lock', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    await bench.rot(bench.primaryId, chunkOf(file));
    let pinned: Promise<void> | undefined;
    let isPinned = false;
    let wasPinned: boolean | undefined;
    bench.before = async ({ method }) => {
      if (method !== 'setAside') return;
      pinned = bench.context.guard.pin(file.fileId, [chunkOf(file).id as ChunkId]).then(() => void (isPinned = true));
      await new Promise((resolve) => setTimeout(resolve, 5));
      wasPinned = isPinned;
    };
    await readThrough(bench, bench.primaryId);
    await pinned;
    expect([wasPinned, isPinned]).toEqual([false, true]);
  });

  it('that no store has whole stays everywhere; its files are named and owed, others are not', async () => {
    const { bench, file, small } = await benchWithFiles();
    await using _ = bench;
    for (const storeId of bench.stores.keys()) await bench.rot(storeId, chunkOf(file));
    expect(await findingsOf(bench, bench.replicaId)).toEqual([`corrupt ${nameOf(chunkOf(file))} owed`]);
    const [damaged, ...others] = bench.catalog.damage.files(10);
    expect([damaged, others]).toEqual([
      {
        fileId: file.fileId,
        fileName: `file ${file.fileId}`,
        object: chunkOf(file),
        storeIds: [...bench.stores.keys()],
        sinceMs: 1_000,
      },
      [],
    ]);
    for (const storeId of bench.stores.keys()) {
      expect([await bench.aside(storeId), bench.owed(storeId, file.fileId)]).toEqual([[], 'repair pending']);
    }
    expect(bench.owed(bench.replicaId, small.fileId)).toBe('copy done');
    // A repair has found it somewhere after all.
    bench.confirmAll([file.fileId]);
    expect(bench.catalog.damage.files(10)).toEqual([]);
  });

  it('is not moved while the store that may have it whole is away', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    for (const storeId of [bench.primaryId, bench.replicaId]) await bench.rot(storeId, chunkOf(file));
    bench.away.add(bench.otherId);
    await readThrough(bench, bench.replicaId);
    expect([await bench.aside(bench.replicaId), bench.owed(bench.replicaId, file.fileId)]).toEqual([
      [],
      'repair pending',
    ]);
    expect(bench.catalog.damage.files(10)).toMatchObject([{ storeIds: [bench.primaryId, bench.replicaId] }]);
  });

  it.each(['replicaId', 'primaryId'] as const)('that no file needs is set aside: %s', async (where) => {
    const { bench } = await benchWithFiles();
    await using _ = bench;
    const orphan = fileOf(['an orphan']);
    const storeId = bench[where];
    await bench.stores.get(storeId)!.put(chunkOf(orphan), Buffer.from('not the orphan'));
    expect(await findingsOf(bench, storeId)).toEqual([`corrupt ${nameOf(chunkOf(orphan))} owed`]);
    expect(await bench.aside(storeId)).toEqual([nameOf(chunkOf(orphan))]);
  });

  it('whose file was uploaded while it was moved is owed to that file', async () => {
    const { bench } = await benchWithFiles();
    await using _ = bench;
    const file = fileOf(['uploaded meanwhile']);
    await bench.stores.get(bench.replicaId)!.put(chunkOf(file), Buffer.from('rot'));
    bench.before = async ({ method }) => {
      if (method !== 'setAside') return;
      bench.catalogue([file]);
      bench.confirmAll([file.fileId]);
    };
    await readThrough(bench, bench.replicaId);
    expect(bench.owed(bench.replicaId, file.fileId)).toBe('verify pending');
  });

  it('is left where the disk takes no rename, and a repair is owed', async () => {
    const { bench, file } = await benchWithFiles();
    await using _ = bench;
    await bench.rot(bench.replicaId, chunkOf(file));
    bench.before = async ({ method }) => {
      if (method === 'setAside') throw Object.assign(new Error('EROFS'), { code: 'EROFS' });
    };
    expect(await findingsOf(bench, bench.replicaId)).toHaveLength(1);
    expect(bench.owed(bench.replicaId, file.fileId)).toBe('repair pending');
  });

  it('of more files than one page is owed to all of them', async () => {
    await using bench = await ScrubBench.make();
    const files = Array.from({ length: 501 }, (_, index) => fileOf(['shared', `own ${index}`]));
    await bench.hold(files[0]!);
    bench.catalogue(files);
    await bench.rot(bench.replicaId, chunkOf(files[0]!));
    bench.confirmAll(files.map(({ fileId }) => fileId));
    await readThrough(bench, bench.replicaId);
    expect(files.filter(({ fileId }) => bench.owed(bench.replicaId, fileId) === 'verify pending')).toHaveLength(501);
  });
});

describe('a corrupt manifest', () => {
  it('stays until the verification that is owed replaces it', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.rot(bench.replicaId, small.manifest.key);
    expect(await findingsOf(bench, bench.replicaId)).toEqual([`corrupt ${nameOf(small.manifest.key)} owed`]);
    expect(await bench.isThere(bench.replicaId, small.manifest.key)).toBe(true);
    expect(bench.owed(bench.replicaId, small.fileId)).toBe('verify pending');
  });

  it('that no store has whole names its file', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    for (const storeId of bench.stores.keys()) await bench.rot(storeId, small.manifest.key);
    await readThrough(bench, bench.primaryId);
    expect(bench.catalog.damage.files(10)).toMatchObject([{ fileId: small.fileId, object: { kind: 'manifest' } }]);
    await bench.delete(small);
    expect(bench.catalog.damage.files(10)).toEqual([]);
  });

  it('of a file that was deleted is deleted once more; of one that nobody knows it is told', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.delete(small);
    const stranger = fileOf('unknown to the catalog');
    const store = bench.stores.get(bench.replicaId)!;
    for (const { key } of [small.manifest, stranger.manifest]) await store.put(key, Buffer.from('rot'));
    expect((await findingsOf(bench, bench.replicaId)).toSorted()).toEqual(
      [`corrupt ${nameOf(small.manifest.key)} owed`, `corrupt ${nameOf(stranger.manifest.key)} reported`].toSorted(),
    );
    expect(bench.owed(bench.replicaId, small.fileId)).toBe('delete pending');
    expect(await bench.isThere(bench.replicaId, stranger.manifest.key)).toBe(true);
  });
});

describe('a corrupt tombstone', () => {
  it('of a replica is written by a delete that is owed once more', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.delete(small);
    await bench.rot(bench.replicaId, small.tombstone.key);
    expect(await findingsOf(bench, bench.replicaId)).toEqual([`corrupt ${nameOf(small.tombstone.key)} owed`]);
    expect(bench.owed(bench.replicaId, small.fileId)).toBe('delete pending');
  });

  it('of the primary is written again from a replica that has it whole', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.delete(small);
    for (const storeId of [bench.primaryId, bench.replicaId]) await bench.rot(storeId, small.tombstone.key);
    expect(await findingsOf(bench, bench.primaryId)).toEqual([`corrupt ${nameOf(small.tombstone.key)} owed`]);
    expect(await bench.stores.get(bench.primaryId)!.get(small.tombstone.key)).toEqual(small.tombstone.bytes);
    expect(await bench.aside(bench.primaryId)).toEqual([nameOf(small.tombstone.key)]);
  });

  it('that no store has whole stays: it is a tombstone all the same', async () => {
    const { bench, small } = await benchWithFiles();
    await using _ = bench;
    await bench.delete(small);
    for (const storeId of bench.stores.keys()) await bench.rot(storeId, small.tombstone.key);
    expect(await findingsOf(bench, bench.primaryId)).toEqual([`corrupt ${nameOf(small.tombstone.key)} reported`]);
    expect(await bench.isThere(bench.primaryId, small.tombstone.key)).toBe(true);
    expect(bench.catalog.damage.files(10)).toEqual([]);
  });
});
