/** The repair of a damaged log, on a disk that may lose its power at any step of it. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { encodeFrame, fileDeleteDraft, lsn, newFileId, newUuid, StoreError } from '#libs/kernel';
import type { LogId, Lsn, StoreId } from '#libs/kernel';
import { planLogRepair, repairLog } from '#libs/recovery';
import { DirectoryPlace, DirectoryStore, initDirectoryStore, readIdentity } from '#libs/stores';
import { beforeAll, describe, expect, it } from 'vitest';
import { PRIMARY_PATH, start, WAL_PATH } from '../states/machine.js';
import type { Machine, RunningStore } from '../states/machine.js';
import { get, put } from '../store/installation.js';
import { flipRecord, machineFrom, repairOptions, stoppedMachine } from './damaged-machine.js';
import type { StoppedMachine } from './damaged-machine.js';

const STATES_PER_CUT = 5;

let stopped: StoppedMachine;
/** `stopped` with a byte of `second` flipped. */
let damaged: StoppedMachine;

beforeAll(async () => {
  stopped = await stoppedMachine();
  damaged = await withFlip('second');
});

async function withFlip(name: string): Promise<StoppedMachine> {
  const { fs } = machineFrom(stopped.disk, stopped.image);
  await flipRecord(fs, ({ fileName }) => fileName === name);
  return { ...stopped, disk: fs.snapshot() };
}

/** What each file answers: `whole`, or the code of the error. */
async function shown(store: RunningStore): Promise<Record<string, string>> {
  const answers: Record<string, string> = {};
  for (const [name, { fileId, bytes }] of Object.entries(stopped.files)) {
    const answer = await get(store.files, fileId).catch((error: unknown) => error);
    answers[name] = StoreError.is(answer) ? answer.code : bytes.equals(answer as Buffer) ? 'whole' : 'different';
  }
  return answers;
}

const ALL_BUT_SECOND = {
  first: 'whole',
  deleted: 'file_not_found',
  second: 'file_not_found',
  large: 'whole',
  third: 'whole',
  fourth: 'whole',
};

describe('the repair of a log with rot in a record', () => {
  it('is planned without changing a byte', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const before = machine.fs.operationCount;
    expect(await planLogRepair(repairOptions(machine))).toMatchObject({
      kind: 'planned',
      plan: {
        refusal: { code: 'log_corrupt' },
        lost: [{ count: 'exact', durable: 'proven' }],
        untracedRecords: 0,
        files: [{ fate: 'lost', fileId: stopped.files['second']!.fileId, fileName: 'second' }],
      },
      incomplete: [],
    });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('keeps every file before and behind it, through a power cut right after', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const done = await repairLog(repairOptions(machine));
    expect(done).toMatchObject({ kind: 'done', setAsidePath: expect.stringMatching(/^\/wal\/set-aside-\d+$/) });
    const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
    const store = await start({ ...machine, fs: afterCut!.fileSystem });
    expect(await shown(store)).toEqual(ALL_BUT_SECOND);
    expect(store.parts.report).toMatchObject({ catalogRebuilt: 'of_another_log', replayedRecords: 0 });
    await store.close();
  });

  it('keeps the damaged log, byte for byte', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const name = await segmentOf(machine.fs);
    const bytes = await machine.fs.readFile(`${WAL_PATH}/segments/${name}`);
    const done = await repairLog(repairOptions(machine));
    if (done.kind !== 'done') throw new Error(done.kind);
    expect((await machine.fs.readFile(`${done.setAsidePath}/${name}`)).equals(bytes)).toBe(true);
  });

  it('gives no LSN a second time', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const planned = await planLogRepair(repairOptions(machine));
    await repairLog(repairOptions(machine));
    const store = await start(machine);
    const { lsn } = await put(store.files, 'next', Buffer.from('next'));
    expect(planned).toMatchObject({ plan: { nextLsn: lsn } });
    // Seven changes and the beginning of the large upload, after the checkpoint of the installation.
    expect(planned.kind === 'planned' && planned.plan.lastReadableLsn).toBe(lsn - 1);
    await store.close();
  });

  it('never puts one log in the place of another, whatever the clock says', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const standing = `${WAL_PATH}/set-aside-${machine.clock.nowMs}`;
    const options = { ...repairOptions(machine), clock: { now: () => machine.clock.nowMs } };
    await machine.fs.makeDirectory(standing);
    expect(await repairLog(options)).toMatchObject({
      setAsidePath: `${WAL_PATH}/set-aside-${machine.clock.nowMs + 1}`,
    });
    expect(await machine.fs.readDirectory(standing)).toEqual([]);
  });

  it('gives no LSN that a replica has of an older log', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const primary = (await readIdentity(machine.fs, PRIMARY_PATH))!;
    const identity = { ...primary, storeId: newUuid<StoreId>(), name: 'replica', peers: [] };
    await initDirectoryStore(machine.fs, '/replica', identity);
    const tombstone = tombstoneAt(lsn(500));
    await new DirectoryStore(machine.fs, '/replica', identity).put({ kind: 'tombstone', id: newFileId(1) }, tombstone);
    const options = {
      ...repairOptions(machine),
      replicas: [{ name: 'replica', place: new DirectoryPlace(machine.fs, '/replica') }],
    };
    expect(await planLogRepair(options)).toMatchObject({ plan: { nextLsn: 501 } });
  });

  it('keeps the chunks of what was lost, also where no catalog remembers the old log', async () => {
    const machine = machineFrom(damaged.disk, undefined);
    await repairLog(repairOptions(machine));
    const store = await start(machine);
    expect(store.parts.report).toMatchObject({ catalogRebuilt: 'missing', logWasGone: false });
    expect(store.parts.catalog.garbage.holds()).toEqual(['log_was_gone', 'unseen_replicas']);
    await store.close();
  });

  it('is not needed a second time', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    await repairLog(repairOptions(machine));
    const before = machine.fs.operationCount;
    expect(await repairLog(repairOptions(machine))).toMatchObject({ kind: 'not_needed', verdict: { kind: 'clean' } });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('loses nothing where the power goes at any step of it', async () => {
    let states = 0;
    const cuts = await cutsOfRepair(machineFrom(damaged.disk, damaged.image));
    expect(cuts.length).toBeGreaterThan(20);
    for (const [index, cut] of cuts.entries()) {
      for (const { label, fileSystem } of crashStates(cut, { limit: STATES_PER_CUT, seed: index })) {
        states += 1;
        // Every second time without the catalog: it is an index, and nothing may hang on it.
        const image = states % 2 === 0 ? damaged.image : undefined;
        await expectKept(machineFrom(fileSystem.snapshot(), image), `cut ${index}, ${label}`);
      }
    }
    expect(states).toBeGreaterThan(80);
  });

  it('loses nothing where only the process is killed at any step of it', async () => {
    for (const [index, cut] of (await cutsOfRepair(machineFrom(damaged.disk, damaged.image))).entries()) {
      await expectKept(machineFrom(cut, damaged.image), `kill ${index}`);
    }
  });
});

function tombstoneAt(at: Lsn): Buffer {
  const draft = fileDeleteDraft({ fileId: newFileId(1), deletedAtMs: 1 });
  const bytes = Buffer.alloc(1024);
  const header = { prev: 0, type: 3, flags: 0, lsn: at, durableLsn: lsn(at - 1), logId: newUuid<LogId>() };
  return encodeFrame(bytes, 0, { ...header, endMark: 'a5'.repeat(8) }, draft.payloadParts).bytes;
}

/** The disk before each step of a repair, and after the last. */
async function cutsOfRepair(machine: Machine): Promise<DiskSnapshot[]> {
  const cuts: DiskSnapshot[] = [];
  machine.fs.onBoundary(() => cuts.push(machine.fs.snapshot()));
  await repairLog(repairOptions(machine));
  cuts.push(machine.fs.snapshot());
  return cuts;
}

/** The damaged log is somewhere, whole: a repair only ever moves it. */
async function expectOldLog({ fs }: Machine, where: string): Promise<void> {
  const old = new CrashFileSystem({ snapshot: damaged.disk });
  const name = await segmentOf(old);
  const bytes = await old.readFile(`${WAL_PATH}/segments/${name}`);
  const places = Object.keys(fs.tree()).filter((path) => path.startsWith(WAL_PATH) && path.endsWith(`/${name}`));
  const contents = await Promise.all(places.map((path) => fs.readFile(path)));
  expect(
    contents.some((content) => content.equals(bytes)),
    where,
  ).toBe(true);
}

async function segmentOf(fs: CrashFileSystem): Promise<string> {
  return (await fs.readDirectory(`${WAL_PATH}/segments`)).find((name) => name.endsWith('.wal'))!;
}

/** A start takes the directories as they are, or a second repair makes them so; then all is there, and stays. */
async function expectKept(machine: Machine, where: string): Promise<void> {
  await expectOldLog(machine, where);
  const store = await startOrRepair(machine, where);
  expect(await shown(store), where).toEqual(ALL_BUT_SECOND);
  await store.abandon();
  const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
  const again = await start({ ...machine, fs: afterCut!.fileSystem, catalogs: machine.catalogs.killed() });
  expect(await shown(again), where).toEqual(ALL_BUT_SECOND);
  await again.abandon();
}

async function startOrRepair(machine: Machine, where: string): Promise<RunningStore> {
  try {
    return await start(machine);
  } catch (cause) {
    if (!StoreError.is(cause, 'log_corrupt')) throw new Error(where, { cause });
  }
  const { kind } = await repairLog(repairOptions(machine));
  if (kind !== 'done') throw new Error(`${where}: a start refuses, and a repair is ${kind}`);
  await expectOldLog(machine, where);
  return start(machine);
}

describe('what the primary holds above the damage', () => {
  it('is kept although no record tells of it, and no disk was known to have it', async () => {
    const live = await startedAgain();
    // Applied by the replay, and not flushed: the page cache alone has it when the process is killed.
    await live.store.abandon();
    const machine = { ...live.machine, fs: live.machine.fs.killed() };
    await flipRecord(machine.fs, ({ fileName }) => fileName === 'second');
    const done = await repairLog(repairOptions(machine));
    expect(done).toMatchObject({ plan: { files: [{ fate: 'kept', fileName: 'second' }], untracedRecords: 0 } });
    const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
    const store = await start({ ...machine, fs: afterCut!.fileSystem });
    expect(await shown(store)).toEqual({ ...ALL_BUT_SECOND, second: 'whole' });
    await store.close();
  });

  it('says that a file stays deleted whose delete cannot be read', async () => {
    const live = await startedAgain();
    await live.store.abandon();
    const machine = { ...live.machine, fs: live.machine.fs.killed() };
    await flipRecord(machine.fs, ({ type }) => type === 'file_delete');
    await repairLog(repairOptions(machine));
    const [afterCut] = crashStates(machine.fs.snapshot(), { limit: 1 });
    const store = await start({ ...machine, fs: afterCut!.fileSystem });
    expect(await shown(store)).toMatchObject({ deleted: 'file_not_found' });
    await store.close();
  });
});

async function startedAgain(): Promise<{ machine: Machine; store: RunningStore }> {
  const machine = machineFrom(stopped.disk, stopped.image);
  return { machine, store: await start(machine) };
}

describe('a repair says what it cannot know', () => {
  it('of a delete that only the catalog remembers: the file comes back', async () => {
    const { disk } = await withDeleteFlipped();
    const machine = machineFrom(disk, stopped.image);
    expect(await repairLog(repairOptions(machine))).toMatchObject({
      plan: { files: [{ fate: 'undeleted', fileName: 'deleted' }] },
    });
    const store = await start(machine);
    expect(await shown(store)).toMatchObject({ deleted: 'whole' });
    await store.close();
  });

  it('of a record that nothing else tells of', async () => {
    const { disk } = await withDeleteFlipped();
    const planned = await planLogRepair(repairOptions(machineFrom(disk, undefined)));
    expect(planned).toMatchObject({ plan: { files: [], untracedRecords: 0, lost: [{ count: 'at_most' }] } });
  });

  it('of a large upload whose record is gone', async () => {
    const { disk } = await withFlip('large');
    const planned = await planLogRepair(repairOptions(machineFrom(disk, undefined)));
    const { fileId } = stopped.files['large']!;
    expect(planned).toMatchObject({ plan: { files: [{ fate: 'unknown', fileId }], untracedRecords: 1 } });
  });

  it('of chunks that are not there, and keeps the file', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    const chunks = Object.keys(machine.fs.tree()).filter((path) => /\/chunks\/..\/[0-9a-f]{64}$/.test(path));
    await machine.fs.unlink(chunks[0]!);
    const done = await repairLog(repairOptions(machine));
    expect(done).toMatchObject({ incomplete: [{ fileName: 'large', missingChunks: 1 }] });
    const store = await start(machine);
    expect(await shown(store)).toMatchObject({ large: 'chunk_missing', third: 'whole' });
    await store.close();
  });
});

async function withDeleteFlipped(): Promise<StoppedMachine> {
  const { fs } = machineFrom(stopped.disk, stopped.image);
  await flipRecord(fs, ({ type }) => type === 'file_delete');
  return { ...stopped, disk: fs.snapshot() };
}

describe('an old copy of the log in place', () => {
  it('is told by its missing LSNs, salvaged, and followed by a new log', async () => {
    const live = await startedAgain();
    const oldLog = new CrashFileSystem({ snapshot: stopped.disk });
    await put(live.store.files, 'newer', Buffer.from('newer'));
    await live.store.abandon();
    const { machine } = live;
    const path = `${WAL_PATH}/segments/${await segmentOf(oldLog)}`;
    await machine.fs.replaceFile(path, await oldLog.readFile(path), `${path}.tmp`);
    await expect(start(machine)).rejects.toMatchObject({ code: 'log_behind' });
    const done = await repairLog(repairOptions(machine));
    expect(done).toMatchObject({
      kind: 'done',
      plan: { refusal: { code: 'log_behind' }, files: [{ fate: 'kept', fileName: 'newer' }] },
    });
    const store = await start(machine);
    expect(await shown(store)).toEqual({ ...ALL_BUT_SECOND, second: 'whole' });
    await store.close();
  });
});

describe('a repair refuses, and changes nothing', () => {
  it.each([
    [
      'a primary of another installation',
      'log_mismatch',
      async (fs: CrashFileSystem) => {
        const path = `${PRIMARY_PATH}/holdfast.json`;
        const identity = JSON.parse((await fs.readFile(path)).toString()) as Record<string, unknown>;
        const strange = { ...identity, cluster_id: 'c1057e40-0000-4000-8000-00000000000f' };
        await fs.replaceFile(path, Buffer.from(JSON.stringify(strange)), `${path}.tmp`);
      },
    ],
    [
      'a primary that is not there',
      'primary_empty',
      (fs: CrashFileSystem) => fs.rename(PRIMARY_PATH, `${PRIMARY_PATH}.away`),
    ],
  ])('with %s', async (_what, code, harm) => {
    const machine = machineFrom(damaged.disk, damaged.image);
    await harm(machine.fs);
    const before = machine.fs.operationCount;
    await expect(repairLog(repairOptions(machine))).rejects.toMatchObject({ code });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('a log that nobody can tell the owner of', async () => {
    const machine = machineFrom(stopped.disk, undefined);
    machine.fs.rot(`${WAL_PATH}/segments/${await segmentOf(machine.fs)}`, 20);
    const before = machine.fs.operationCount;
    await expect(repairLog(repairOptions(machine))).rejects.toMatchObject({
      code: 'log_corrupt',
      message: expect.stringContaining('says whose log it is'),
    });
    expect(machine.fs.operationCount).toBe(before);
    // With the catalog, which knows the log by its id, it can be told.
    const known = { ...machine, catalogs: machineFrom(stopped.disk, stopped.image).catalogs };
    expect(await repairLog(repairOptions(known))).toMatchObject({ kind: 'done' });
    const store = await start(known);
    expect(await shown(store)).toEqual({ ...ALL_BUT_SECOND, second: 'whole' });
    await store.close();
  });

  it('nothing where the disk fails while it salvages, and a second one does it all', async () => {
    const machine = machineFrom(damaged.disk, damaged.image);
    machine.fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(repairLog(repairOptions(machine))).rejects.toMatchObject({ code: 'EIO' });
    expect(Object.keys(machine.fs.tree()).filter((path) => path.includes('set-aside'))).toEqual([]);
    await expectKept(machine, 'after EIO');
  });
});
