/** The points of a life at which files have been lost elsewhere, each by its name. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import type { CatalogImage } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot, FaultPlan } from '#libs/durable-fs/testing';
import { isFileId, StoreError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { get } from '../store/installation.js';
import { Life } from './life.js';
import type { Cut } from './life.js';
import { CHUNK_SIZE, installedMachine, start, TestClock, WAL_PATH } from './machine.js';
import type { Machine } from './machine.js';
import { assertPromisesKept } from './promises.js';
import { bytesOf, FEW_STATES_PER_CUT, LIFE_TIMEOUT, survey } from './survey.js';

const small = (name: string): Buffer => bytesOf(name, 60);
const large = (name: string): Buffer => bytesOf(name, 2 * CHUNK_SIZE + 30);

async function newLife(): Promise<Life> {
  const life = new Life(await installedMachine());
  await life.boot();
  return life;
}

const codeOf = (outcome: unknown): unknown => (StoreError.is(outcome) ? outcome.code : outcome);

it("a power cut after SQLite's own checkpoint but before ours", LIFE_TIMEOUT, async () => {
  const life = await newLife();
  await life.upload('a', small('a'));
  await life.upload('b', large('b'));
  await life.delete('a');
  const before = life.cuts.length;
  await life.checkpoint();
  const cuts = life.cuts.slice(before);
  const point = cuts.findIndex(({ where }) => where.endsWith('makeDurable of the catalog'));
  expect(cuts[point]!.images.length).toBeGreaterThan(1);
  expect(cuts[point + 1]!.where).toMatch(/write \/wal/);
  expect(cuts[point + 1]!.images).toHaveLength(1);
  await survey(cuts.slice(point, point + 3), { statesPerCut: 50 });
  await life.end();
});

const ACKNOWLEDGED: unknown = expect.objectContaining({ fileName: 'd' });

describe('EIO on fsync, a restart in the same boot, then a power cut', () => {
  const FAILURES: readonly [string, Pick<FaultPlan, 'operation' | 'pathPattern'>, unknown][] = [
    ["the log's", { operation: 'dataSync', pathPattern: /^\/wal\// }, 'log_poisoned'],
    ["chunks'", { operation: 'dataSync', pathPattern: /staging\/chunk/ }, ACKNOWLEDGED],
    ["chunk directories'", { operation: 'syncDirectory', pathPattern: /\/chunks\// }, ACKNOWLEDGED],
    ["manifests'", { operation: 'dataSync', pathPattern: /\/manifests\// }, ACKNOWLEDGED],
    ["manifest directories'", { operation: 'syncDirectory', pathPattern: /\/manifests\// }, ACKNOWLEDGED],
    ["tombstone directories'", { operation: 'syncDirectory', pathPattern: /\/tombstones\// }, ACKNOWLEDGED],
  ];

  it.each(FAILURES)('%s', LIFE_TIMEOUT, async (_whose, fault, later) => {
    const life = await newLife();
    await life.upload('a', small('a'));
    await life.upload('b', large('b'));
    life.machine.fs.failNext({ ...fault, errorCode: 'EIO', times: Number.POSITIVE_INFINITY });
    await life.upload('c', large('c'));
    await life.delete('a');
    await life.checkpoint().catch(() => undefined);
    // The disk is well again, and a sync says yes to what was never written: nothing may rest on that.
    life.machine.fs.clearFaults();
    const from = life.cuts.length;
    expect(codeOf(await life.upload('d', small('d')))).toEqual(later);
    await life.checkpoint().catch(() => undefined);
    expect((await get(life.store.files, life.idOf('b'))).equals(large('b'))).toBe(true);
    await life.killNow();
    await life.upload('c once more', large('c'));
    await life.checkpoint();
    await life.upload('e', small('e'));
    await life.checkpoint();
    await survey((await life.end()).slice(from), { statesPerCut: FEW_STATES_PER_CUT });
  });
});

it('wal/ deleted with the catalog kept, then a kill during new uploads', LIFE_TIMEOUT, async () => {
  const life = await newLife();
  await life.upload('a', small('a'));
  await life.upload('b', large('b'));
  await life.delete('a');
  await life.close();
  const [, highest] = [...life.ledger.highestLsn][0]!;
  await emptyLog(life.machine.fs);
  const from = life.cuts.length;
  await life.boot();
  expect(life.store.parts.report).toMatchObject({ logWasGone: true });
  const receipt = await life.upload('c', small('c'));
  expect(receipt).toMatchObject({ lsn: expect.any(Number) });
  expect('lsn' in receipt && receipt.lsn).toBeGreaterThan(highest);
  await life.upload('d', large('d'));
  await life.delete('b');
  await life.kill(() => void life.upload('e', large('e')), /^rename .*\/chunks\//);
  await survey((await life.end()).slice(from), { statesPerCut: FEW_STATES_PER_CUT, damage: 'log or catalog lost' });
});

it('a catalog restored from an old backup', LIFE_TIMEOUT, async () => {
  const life = await newLife();
  await life.upload('a', small('a'));
  await life.upload('b', large('b'));
  const backup = life.machine.catalogs.images().at(-1);
  await life.delete('a');
  for (const name of ['c', 'd', 'e']) await life.upload(name, large(name));
  await life.close();
  const from = life.cuts.length;
  await life.goOnWith(life.machine.fs, new ModelledCatalogs(backup));
  expect(life.store.parts.report.catalogRebuilt).toBe('behind_the_log');
  await life.upload('f', small('f'));
  await survey((await life.end()).slice(from), { statesPerCut: FEW_STATES_PER_CUT, damage: 'log or catalog lost' });
});

it('wal/ of another installation', async () => {
  const [life, stranger] = [await newLife(), new Life(await unrelatedMachine())];
  await life.upload('a', large('a'));
  await stranger.boot();
  await stranger.upload('b', small('b'));
  await life.close();
  await stranger.close();
  const { fs, catalogs } = life.machine;
  const own = await emptyLog(fs);
  await fillLog(fs, await emptyLog(stranger.machine.fs));
  const before = digestOf(fs);
  await expect(start(life.machine)).rejects.toMatchObject({ code: 'log_mismatch' });
  expect(digestOf(fs)).toBe(before);
  // With its own log back nothing is missing.
  await emptyLog(fs);
  await fillLog(fs, own);
  await life.goOnWith(fs, new ModelledCatalogs(catalogs.images().at(-1)));
  await life.store.abandon();
});

describe('a crash during recovery itself, three times', () => {
  it('keeps every promise, wherever the cuts are', LIFE_TIMEOUT, async () => {
    const life = await newLife();
    await life.upload('a', small('a'));
    await life.upload('b', large('b'));
    await life.checkpoint();
    await life.delete('a');
    await Promise.all(['c', 'd', 'e'].map((name) => life.upload(name, small(name))));
    await Promise.all([life.upload('f', large('f')), life.delete('c')]);
    const cuts = (await life.end()).slice(-60);
    let cutsInBoot = 0;
    for (let seed = 0; seed < RECOVERIES; seed += 1) {
      const cut = cuts[seed % cuts.length]!;
      let [disk, images]: [DiskSnapshot, readonly CatalogImage[]] = [cut.disk, cut.images];
      const path: string[] = [`seed ${seed}, ${cut.where}`];
      for (let crash = 0; crash < 3; crash += 1) {
        const choice = seed * 31 + crash * 7;
        const states = [...crashStates(disk, { limit: 12, seed: choice })];
        const { fileSystem, label } = states[choice % states.length]!;
        const image = images[choice % images.length];
        const machine = { fs: fileSystem, catalogs: new ModelledCatalogs(image), clock: new TestClock(cut.nowMs) };
        const reached = await crashInBoot(machine, choice % MOST_BOUNDARIES);
        [disk, images] = [reached.disk, reached.images];
        cutsInBoot += reached.inBoot ? 1 : 0;
        path.push(`${label}, catalog ${images.length}, then cut before ${reached.where}`);
      }
      const [last] = crashStates(disk, { limit: 1 });
      const machine = {
        fs: last!.fileSystem,
        catalogs: new ModelledCatalogs(images[seed % images.length]),
        clock: new TestClock(cut.nowMs),
      };
      await recovers(machine, cut, path.join('\n  '));
    }
    expect(cutsInBoot).toBeGreaterThan(RECOVERIES);
  });
});

const RECOVERIES = 150;
/** A boot of this life has more operations than this, mostly. */
const MOST_BOUNDARIES = 23;

interface CrashInBoot {
  readonly where: string;
  readonly disk: DiskSnapshot;
  readonly images: readonly CatalogImage[];
  readonly inBoot: boolean;
}

/** Boots until the operation of that number, and cuts there; or behind the boot where it has fewer. */
async function crashInBoot(machine: Machine, boundary: number): Promise<CrashInBoot> {
  const { fs, catalogs } = machine;
  let reached: CrashInBoot | undefined;
  fs.onBoundary(({ number, operation, path }) => {
    if (number !== boundary || reached !== undefined) return;
    reached = { where: `${operation} ${path}`, disk: fs.snapshot(), images: catalogs.images(), inBoot: true };
    fs.halt();
  });
  try {
    const store = await start(machine);
    const end = { where: 'the end of boot', disk: fs.snapshot(), images: catalogs.images(), inBoot: false };
    await store.abandon();
    return reached ?? end;
  } catch (error) {
    if (reached === undefined) throw error;
    return reached;
  }
}

async function recovers(machine: Machine, { ledger }: Cut, path: string): Promise<void> {
  try {
    const store = await start(machine);
    await assertPromisesKept(machine, store, ledger);
    await store.abandon();
  } catch (cause) {
    throw new Error(`${path}\n  ${String(cause)}`, { cause });
  }
}

describe('disk full in apply after the commit point', () => {
  it.each([
    ['a manifest', /\/manifests\//, 'replaceFile'],
    ['a tombstone', /\/tombstones\//, 'replaceFile'],
  ] as const)('when %s cannot be written', LIFE_TIMEOUT, async (_what, pathPattern, operation) => {
    const life = await newLife();
    await life.upload('a', small('a'));
    await life.upload('b', large('b'));
    const { fs } = life.machine;
    const { parts, files } = life.store;
    const idOfA = life.idOf('a');
    fs.failNext({ operation, pathPattern, errorCode: 'ENOSPC', times: Number.POSITIVE_INFINITY });
    const isPut = operation === 'replaceFile' && pathPattern.test('/manifests/');
    const unknown = isPut ? life.upload('c', large('c')) : life.delete('a');
    expect(codeOf(await unknown)).toBe('outcome_unknown');
    expect(parts.applier.halted).toBe(true);

    const committed = parts.wal.committedLsn;
    expect(codeOf(await life.upload('d', small('d')))).toBe('apply_halted');
    expect(codeOf(await life.upload('d', large('d')))).toBe('apply_halted');
    expect(codeOf(await life.delete('b'))).toBe('apply_halted');
    expect(parts.wal.committedLsn).toBe(committed);
    expect((await get(files, life.idOf('b'))).equals(large('b'))).toBe(true);
    // A delete that is not applied yet: the file is there, whole.
    expect((await get(files, idOfA)).equals(small('a'))).toBe(true);
    const from = life.cuts.length;
    life.cut('the space comes back');

    fs.clearFaults();
    await expect.poll(() => parts.applier.halted, { timeout: 20_000 }).toBe(false);
    await parts.applier.applied(committed);
    await life.upload('e', small('e'));
    await life.checkpoint();
    await survey((await life.end()).slice(from), { statesPerCut: FEW_STATES_PER_CUT });
  });
});

describe('the clock goes backwards', () => {
  const YEAR_MS = 365 * 24 * 60 * 60 * 1000;

  it(
    'in the middle of a life and across a restart: nothing is lost, no id comes twice, no chunk goes too soon',
    LIFE_TIMEOUT,
    async () => {
      const life = await newLife();
      const { clock } = life.machine;
      await life.upload('a', large('a'));
      await life.upload('b', small('b'));
      clock.nowMs -= YEAR_MS;
      await life.upload('c', large('c'));
      await life.upload('a again', large('a'));
      await life.delete('a');
      await life.checkpoint();
      clock.nowMs -= YEAR_MS;
      await life.restart();
      await life.upload('d', large('d'));
      await life.delete('c');
      clock.nowMs += 3 * YEAR_MS;
      await life.collect();
      clock.nowMs -= 2 * YEAR_MS;
      await life.collect();
      await life.killNow();
      await life.upload('e', small('e'));
      const ids = [...life.ledger.kept.keys(), ...life.ledger.deleted];
      expect(ids.filter((id) => !isFileId(id))).toEqual([]);
      expect(new Set(ids).size).toBe(6);
      await survey((await life.end()).slice(-80), { statesPerCut: FEW_STATES_PER_CUT });
    },
  );
});

/** A machine of an installation that has nothing to do with the others. */
async function unrelatedMachine(): Promise<Machine> {
  return { fs: new CrashFileSystem(), catalogs: new ModelledCatalogs(), clock: new TestClock() };
}

/** Removes the log's segments, durably, and answers with what they were. */
async function emptyLog(fs: CrashFileSystem): Promise<Map<string, Buffer>> {
  const segments = new Map<string, Buffer>();
  for (const name of await fs.readDirectory(`${WAL_PATH}/segments`)) {
    segments.set(name, await fs.readFile(`${WAL_PATH}/segments/${name}`));
    await fs.unlink(`${WAL_PATH}/segments/${name}`);
  }
  await fs.syncDirectory(`${WAL_PATH}/segments`);
  return segments;
}

async function fillLog(fs: CrashFileSystem, segments: Map<string, Buffer>): Promise<void> {
  for (const [name, bytes] of segments) {
    const file = await fs.create(`${WAL_PATH}/segments/${name}`);
    await file.write(bytes, 0);
    await file.dataSync();
    await file.close();
  }
  await fs.syncDirectory(`${WAL_PATH}/segments`);
}

function digestOf(fs: CrashFileSystem): string {
  const [state] = crashStates(fs.snapshot(), { limit: 1 });
  return state!.digest;
}
