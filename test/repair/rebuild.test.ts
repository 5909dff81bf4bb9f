/** A new primary from one replica, on a disk that may lose its power at any step of it. */
import { crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { newUuid, StoreError } from '#libs/kernel';
import type { ChunkId, StoreId } from '#libs/kernel';
import { planRebuild, rebuildPrimary } from '#libs/recovery';
import { DirectoryPlace, initDirectoryStore, readIdentity, writeIdentity } from '#libs/stores';
import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { start, TestClock, WAL_PATH } from '../states/machine.js';
import type { Machine, RunningStore } from '../states/machine.js';
import { get, put } from '../store/installation.js';
import type { KnownFile } from './damaged-machine.js';
import { copyAll, lost, lostMachine, PRIMARY_PATH, rebuildOptions, startRebuilt, storeAt } from './rebuilt-machine.js';
import type { LostMachine } from './rebuilt-machine.js';

const STATES_PER_CUT = 2;

let original: LostMachine;
let files: LostMachine['files'];

beforeAll(async () => {
  original = await lostMachine();
  files = original.files;
});

/** What each file answers: `whole`, or the code of the error. */
async function shown(store: RunningStore, known: Readonly<Record<string, KnownFile>> = files) {
  const answers: Record<string, string> = {};
  for (const [name, { fileId, bytes }] of Object.entries(known)) {
    const answer = await get(store.files, fileId).catch((error: unknown) => error);
    answers[name] = StoreError.is(answer) ? answer.code : bytes.equals(answer as Buffer) ? 'whole' : 'different';
  }
  return answers;
}

const WHOLE = { small: 'whole', deleted: 'file_not_found', large: 'whole', second: 'whole', last: 'whole' };

async function shownAfterStart(machine: Machine): Promise<Record<string, string>> {
  const store = await startRebuilt(machine);
  const answers = await shown(store);
  await store.close();
  return answers;
}

const lostIt = (): Machine => lost(original.disk);

const chunkOf = (name: string, index: number): ChunkId =>
  createHash('sha256')
    .update(files[name]!.bytes.subarray(index * 512, (index + 1) * 512))
    .digest('hex') as ChunkId;

describe('a rebuild from a replica', () => {
  it('brings every file back, and no deleted one, through a power cut right after', async () => {
    const machine = lostIt();
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({
      files: 4,
      tombstones: 1,
      filesFromLog: 0,
      lacked: [],
      damaged: [],
      corrupt: [],
      lost: [],
    });
    const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
    const store = await startRebuilt({ ...machine, fs: afterCut!.fileSystem });
    expect(await shown(store)).toEqual(WHOLE);
    expect(store.parts.report).toMatchObject({ catalogRebuilt: 'missing', logWasGone: true });
    expect(store.parts.replicas).toMatchObject([{ bound: 'online' }, { bound: 'online' }]);
    const owed = store.parts.catalog.obligations.of(files['large']!.fileId);
    expect(owed.map(({ operation, state }) => `${operation} ${state}`)).toEqual(['verify pending', 'verify pending']);
    const gone = store.parts.catalog.obligations.of(files['deleted']!.fileId);
    expect(gone.map(({ operation }) => operation)).toEqual(['delete', 'delete']);
    await store.close();
  });

  it('begins a log above every LSN that it reached', async () => {
    const machine = lostIt();
    const { reachedLsn } = await rebuildPrimary(rebuildOptions(machine));
    const store = await startRebuilt(machine);
    const { lsn } = await put(store.files, 'next', Buffer.from('next'));
    expect(lsn).toBeGreaterThan(reachedLsn);
    await store.close();
  });

  it('is planned without changing a byte', async () => {
    const machine = lostIt();
    const before = machine.fs.operationCount;
    expect(await planRebuild(rebuildOptions(machine))).toMatchObject({ files: 4, tombstones: 1, lacked: [] });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('loses nothing where the power goes at any step of it, and no start believes a half', async () => {
    const machine = lostIt();
    const cuts: DiskSnapshot[] = [];
    let made = 0;
    machine.fs.onBoundary(({ operation }) => {
      made += operation === 'makeDirectory' ? 1 : 0;
      if (operation !== 'makeDirectory' || made % 300 === 0) cuts.push(machine.fs.snapshot());
    });
    await rebuildPrimary(rebuildOptions(machine));
    expect(cuts.length).toBeGreaterThan(40);
    cuts.push(machine.fs.snapshot());
    const met = new Set<string>();
    for (const [index, cut] of cuts.entries()) {
      for (const { label, fileSystem } of crashStates(cut, { limit: STATES_PER_CUT, seed: index })) {
        met.add(await expectAllBack(lost(fileSystem.snapshot()), `cut ${index}, ${label}`));
      }
      met.add(await expectAllBack(lost(cut), `kill ${index}`));
    }
    expect([...met].toSorted()).toEqual(['primary_empty', 'primary_partial', 'served']);
  }, 600_000);

  it('that was interrupted is not taken for an empty place, also where no replica can be reached', async () => {
    const machine = await interrupted();
    await expect(start(machine, { replicas: [] })).rejects.toMatchObject({
      code: 'primary_partial',
      context: { command: 'npm run holdfast -- rebuild --from second --yes' },
    });
  });

  it('goes on with one store only, and keeps the id that it began with', async () => {
    const machine = await interrupted();
    const begun = JSON.parse((await machine.fs.readFile(`${PRIMARY_PATH}/rebuild.json`)).toString()) as object;
    const other = { source: new DirectoryPlace(machine.fs, '/first'), from: 'first' };
    await expect(rebuildPrimary(rebuildOptions(machine, other))).rejects.toMatchObject({ code: 'primary_taken' });
    await rebuildPrimary(rebuildOptions(machine));
    expect(await readIdentity(machine.fs, PRIMARY_PATH)).toMatchObject({
      name: 'primary',
      storeId: (begun as { store_id: string }).store_id,
    });
  });
});

/** A rebuild that was cut off when it had all files and was no primary yet. */
async function interrupted(machine = lostIt()): Promise<Machine> {
  machine.fs.failNext({ operation: 'rename', pathPattern: /\/holdfast\.json/, errorCode: 'EIO' });
  await expect(rebuildPrimary(rebuildOptions(machine))).rejects.toMatchObject({ code: 'EIO' });
  return machine;
}

/** A start refuses, or all is there; then a rebuild makes it so. Answers with what the start said. */
async function expectAllBack(machine: Machine, where: string): Promise<string> {
  const refusal = await startRebuilt(machine).then(
    async (store) => {
      expect(await shown(store), where).toEqual(WHOLE);
      await store.close();
      return undefined;
    },
    (error: unknown) => error,
  );
  if (refusal === undefined) return 'served';
  if (!StoreError.is(refusal)) throw new Error(where, { cause: refusal });
  await rebuildPrimary(rebuildOptions(machine));
  expect(await shownAfterStart(machine), where).toEqual(WHOLE);
  return refusal.code;
}

describe('a replica that is not whole', () => {
  it('is completed chunk by chunk from the others, and every bad object is named', async () => {
    const machine = lostIt();
    const second = await storeAt(machine, '/second');
    const first = await storeAt(machine, '/first');
    machine.fs.rot(second.pathOf({ kind: 'chunk', id: chunkOf('large', 1) }), 3);
    await machine.fs.unlink(second.pathOf({ kind: 'chunk', id: chunkOf('large', 2) }));
    machine.fs.rot(first.pathOf({ kind: 'chunk', id: chunkOf('large', 0) }), 3);
    machine.fs.rot(second.pathOf({ kind: 'manifest', id: files['small']!.fileId }), 80);
    const report = await rebuildPrimary(rebuildOptions(machine));
    expect(report).toMatchObject({ files: 4, damaged: [], lost: [], lacked: [] });
    expect(report.corrupt.map(({ store, kind }) => `${store} ${kind}`).toSorted()).toEqual([
      'second chunk',
      'second manifest',
    ]);
    expect(await shownAfterStart(machine)).toEqual(WHOLE);
  });

  it('gives a file without one of its chunks as a damaged one, and every other whole', async () => {
    const machine = lostIt();
    for (const path of ['/first', '/second']) {
      machine.fs.rot((await storeAt(machine, path)).pathOf({ kind: 'chunk', id: chunkOf('large', 1) }), 3);
    }
    const { fileId } = files['large']!;
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({
      files: 4,
      damaged: [{ fileId, fileName: 'large', missingChunks: 1 }],
    });
    expect(await shownAfterStart(machine)).toEqual({ ...WHOLE, large: 'chunk_missing' });
  });

  it('names a file whose manifest nobody has whole', async () => {
    const machine = lostIt();
    const key = { kind: 'manifest', id: files['small']!.fileId } as const;
    for (const path of ['/first', '/second']) machine.fs.rot((await storeAt(machine, path)).pathOf(key), 80);
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({ files: 3, lost: [key.id] });
    expect(await shownAfterStart(machine)).toEqual({ ...WHOLE, small: 'file_not_found' });
  });

  it('that lags says which files only others have, and takes them where that is asked for', async () => {
    const machine = lostIt();
    const key = { kind: 'manifest', id: files['large']!.fileId } as const;
    await (await storeAt(machine, '/second')).delete(key);
    const lacked = [{ fileId: key.id, fileName: 'large', sizeBytes: 1300, on: 'first' }];
    expect(await planRebuild(rebuildOptions(machine))).toMatchObject({ files: 3, lacked });
    const other = lost(machine.fs.snapshot());
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({ files: 3, lacked });
    expect(await shownAfterStart(machine)).toEqual({ ...WHOLE, large: 'file_not_found' });
    expect(await rebuildPrimary(rebuildOptions(other, { others: 'taken' }))).toMatchObject({ files: 4, lacked });
    expect(await shownAfterStart(other)).toEqual(WHOLE);
  });

  it.each(['whole', 'damaged'])(
    'that missed a delete brings no file back where another has its tombstone, %s',
    async (state) => {
      const machine = lostIt();
      const { fileId: id } = files['small']!;
      const first = await storeAt(machine, '/first');
      const source = await tombstoneFor('small');
      await first.put({ kind: 'tombstone', id }, source);
      await first.delete({ kind: 'manifest', id });
      if (state === 'damaged') machine.fs.rot(first.pathOf({ kind: 'tombstone', id }), 80);
      expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({ files: 3 });
      expect(await shownAfterStart(machine)).toEqual({ ...WHOLE, small: 'file_not_found' });
    },
  );

  it('that missed a delete is corrected also where the rebuild was interrupted before the tombstone was there', async () => {
    const machine = await interrupted();
    const { fileId: id } = files['small']!;
    expect((await readdirOf(machine, 'manifests')).includes(id)).toBe(true);
    await (await storeAt(machine, '/first')).put({ kind: 'tombstone', id }, await tombstoneFor('small'));
    await rebuildPrimary(rebuildOptions(machine));
    expect(await shownAfterStart(machine)).toEqual({ ...WHOLE, small: 'file_not_found' });
  });
});

async function readdirOf({ fs }: Machine, kind: string): Promise<string[]> {
  return Object.keys(fs.tree()).flatMap((path) =>
    path.startsWith(`${PRIMARY_PATH}/${kind}/`) ? [path.slice(path.lastIndexOf('/') + 1)] : [],
  );
}

/** As the machine would have written it had the file been deleted. */
async function tombstoneFor(name: string): Promise<Buffer> {
  const machine = lostIt();
  await rebuildPrimary(rebuildOptions(machine));
  const store = await startRebuilt(machine);
  const { fileId: id } = files[name]!;
  await store.files.delete(id);
  const bytes = await store.parts.primary.get({ kind: 'tombstone', id });
  await store.abandon();
  return bytes!;
}

describe('a log that was not lost with the primary', () => {
  /** The replicas as they were; three more changes are in the log alone, the first of them below its checkpoint. */
  async function withLog(): Promise<{ machine: Machine; known: Record<string, KnownFile> }> {
    const machine = lostIt();
    await rebuildPrimary(rebuildOptions(machine));
    const store = await startRebuilt(machine);
    const known: Record<string, KnownFile> = { ...files };
    for (const name of ['below', 'above']) {
      const bytes = Buffer.alloc(150, name);
      known[name] = { fileId: (await put(store.files, name, bytes)).fileId, bytes };
      if (name === 'below') {
        await store.parts.applier.drain();
        await store.parts.checkpointer.run();
      }
    }
    await store.files.delete(known['last']!.fileId);
    await store.abandon();
    await machine.fs.rename(PRIMARY_PATH, '/away');
    return { machine, known };
  }

  it('gives all that the replica had not seen yet, also what lies below its checkpoint', async () => {
    const { machine, known } = await withLog();
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({ filesFromLog: 2, tombstones: 2 });
    const store = await startRebuilt(machine);
    expect(await shown(store, known)).toEqual({
      ...WHOLE,
      last: 'file_not_found',
      below: 'whole',
      above: 'whole',
    });
    expect(store.parts.report).toMatchObject({ catalogRebuilt: 'missing', logWasGone: false });
    await store.close();
  });

  it('is left to a repair where it is damaged, and what the replica has comes back', async () => {
    const { machine } = await withLog();
    const [segment] = (await machine.fs.readDirectory(`${WAL_PATH}/segments`)).filter((name) => name.endsWith('.wal'));
    // The first record's, which a later one proves to have been durable.
    machine.fs.rot(`${WAL_PATH}/segments/${segment!}`, 200);
    const report = await rebuildPrimary(rebuildOptions(machine));
    expect(report).toMatchObject({ filesFromLog: 0, files: 4, sources: { log: { kind: 'refused' } } });
    await expect(startRebuilt(machine)).rejects.toMatchObject({ code: 'log_corrupt' });
  });

  it('that is of another installation is a reason to change nothing', async () => {
    const { machine } = await withLog();
    for (const path of ['/first', '/second']) {
      const identity = (await readIdentity(machine.fs, path))!;
      await writeIdentity(machine.fs, path, { ...identity, clusterId: newUuid() });
    }
    await expect(rebuildPrimary(rebuildOptions(machine))).rejects.toMatchObject({ code: 'store_mismatch' });
    expect(await machine.fs.stat(PRIMARY_PATH)).toBeUndefined();
  });
});

describe('a rebuild refuses, and changes nothing', () => {
  const cases: readonly [string, string, (machine: Machine) => Promise<unknown>][] = [
    ['a primary that is there', 'primary_taken', (machine) => rebuildPrimary(rebuildOptions(machine))],
    [
      'files that are nobody knows whose',
      'primary_taken',
      async ({ fs }) => {
        await fs.makeDirectory(PRIMARY_PATH);
        await (await fs.create(`${PRIMARY_PATH}/letter.txt`)).close();
      },
    ],
    ['a source that is no store', 'not_a_store', ({ fs }) => fs.unlink('/second/holdfast.json')],
    [
      'a replica of another installation in the settings',
      'store_mismatch',
      async ({ fs }) => {
        await fs.rename('/first', '/elsewhere');
        await initDirectoryStore(fs, '/first', {
          clusterId: newUuid(),
          storeId: newUuid<StoreId>(),
          name: 'x',
          peers: [],
        });
      },
    ],
  ];
  it.each(cases)('%s: %s', async (_what, code, prepare) => {
    const machine = lostIt();
    await prepare(machine);
    const before = machine.fs.operationCount;
    await expect(planRebuild(rebuildOptions(machine))).rejects.toMatchObject({ code });
    await expect(rebuildPrimary(rebuildOptions(machine))).rejects.toMatchObject({ code });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('a catalog of another installation', async () => {
    const machine = lostIt();
    const other = await start(
      { fs: lost(original.disk).fs, catalogs: machine.catalogs, clock: new TestClock() },
      { replicas: [] },
    );
    await other.close();
    await expect(rebuildPrimary(rebuildOptions(machine))).rejects.toMatchObject({ code: 'store_mismatch' });
  });
});

describe('what the new primary remembers', () => {
  it('of a replica that is not there: a start fills no empty place, and takes the store when it is back', async () => {
    const machine = lostIt();
    await machine.fs.rename('/first', '/unmounted');
    await rebuildPrimary(rebuildOptions(machine));
    await machine.fs.makeDirectory('/first');
    const store = await startRebuilt(machine);
    expect(store.parts.replicas).toMatchObject([
      { name: 'first', bound: 'offline' },
      { name: 'second', bound: 'online' },
    ]);
    await store.close();
    expect(await machine.fs.readDirectory('/first')).toEqual([]);
    await machine.fs.rename('/first', '/was-empty');
    await machine.fs.rename('/unmounted', '/first');
    const again = await startRebuilt(machine);
    expect(again.parts.replicas).toMatchObject([{ bound: 'online' }, { bound: 'online' }]);
    await again.close();
  });

  it('of a source that is no replica of the settings: it is foreign when it becomes one', async () => {
    const machine = lostIt();
    const source = (await readIdentity(machine.fs, '/second'))!;
    const backup = { ...source, storeId: newUuid<StoreId>(), name: 'backup' };
    await initDirectoryStore(machine.fs, '/backup', backup);
    await copyAll(await storeAt(machine, '/second'), await storeAt(machine, '/backup'));
    await rebuildPrimary(
      rebuildOptions(machine, { source: new DirectoryPlace(machine.fs, '/backup'), from: '/backup' }),
    );
    const store = await start(machine, { replicas: [{ name: 'backup', path: '/backup' }] });
    expect(store.parts.replicas).toMatchObject([{ bound: 'foreign' }]);
    await store.close();
  });

  it('sets an old catalog aside: it lists what this primary has not', async () => {
    const machine = lostIt();
    await rebuildPrimary(rebuildOptions(machine));
    const store = await startRebuilt(machine);
    await store.close();
    await machine.fs.rename(PRIMARY_PATH, '/away');
    await machine.fs.rename(WAL_PATH, '/wal-away');
    expect(await rebuildPrimary(rebuildOptions(machine))).toMatchObject({ catalogSetAside: 'set aside' });
    expect(await shownAfterStart(machine)).toEqual(WHOLE);
  });
});
