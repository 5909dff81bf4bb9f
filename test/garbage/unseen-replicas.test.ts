/** A catalog that was rebuilt from a primary that has lost manifests: replicas may know files of which nothing else is left. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { newFileId, newUuid, StoreError } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import { AntiEntropy, GarbageCollector, ReplicaGarbage } from '#libs/maintenance';
import { DirectoryPlace, DirectoryStore, initDirectoryStore } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { StoreOpener } from '#libs/transfer';
import { beforeEach, describe, expect, it } from 'vitest';
import { copyAll, REPLICAS } from '../repair/rebuilt-machine.js';
import { installedMachine, PRIMARY_PATH, start } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { bytesOf, chunkIdsOf, GRACE_MS, pass, passAfterGrace, put, readOutcome } from './bench.js';
import type { Bench } from './bench.js';

const KEPT = bytesOf('kept', 2);
const LOST = bytesOf('lost', 3);

interface ReplicaBench extends Bench {
  readonly antiEntropy: AntiEntropy;
  readonly primaryId: StoreId;
  readonly replicaIds: readonly StoreId[];
  readonly stores: readonly DirectoryStore[];
  /** A replica that cannot be opened now. */
  away: StoreId | undefined;
}

async function openBench(machine: Machine, places: readonly { name: string; path: string }[] = REPLICAS) {
  const running = await start(machine, { replicas: places });
  const { fs, clock } = machine;
  const { primary, replicas, catalog } = running.parts;
  const { clusterId, storeId: primaryId } = primary.identity;
  const opener = new StoreOpener({
    places: [PRIMARY_PATH, ...places.map(({ path }) => path)].map((path) => new DirectoryPlace(fs, path)),
    clusterId,
  });
  const open: StoreOpener['open'] = async (storeId) => {
    if (storeId === bench.away) throw new StoreError('store_unreachable', 'The store is away.');
    return opener.open(storeId);
  };
  const replicaIds = replicas.filter(({ bound }) => bound !== 'foreign').map(({ storeId }) => storeId);
  const antiEntropy = new AntiEntropy({
    ...running.parts,
    clock,
    replicaIds,
    foreignIds: replicas.filter(({ bound }) => bound === 'foreign').map(({ storeId }) => storeId),
    stores: { open, confirm: (store) => opener.confirm(store) },
    oweRepair: () => undefined,
    notice: () => undefined,
  });
  const log = silentLog;
  const replicaGarbage = new ReplicaGarbage({ replicas, open, wake: () => undefined, catalog, clock, log });
  const collector = new GarbageCollector({ ...running.parts, replicaGarbage, clock, log, graceMs: GRACE_MS });
  const stores = await Promise.all(places.map(({ path }) => storeAt(machine, path)));
  const bench: ReplicaBench = {
    ...running,
    machine,
    collector,
    antiEntropy,
    primaryId,
    replicaIds,
    stores,
    away: undefined,
  };
  return bench;
}

async function storeAt({ fs }: Machine, path: string): Promise<DirectoryStore> {
  const place = new DirectoryPlace(fs, path);
  return new DirectoryStore(fs, path, (await place.identify())!);
}

const withoutCatalog = (machine: Machine): Machine => ({ ...machine, catalogs: new ModelledCatalogs() });

async function look({ antiEntropy }: ReplicaBench, storeId: StoreId, mode: 'repair' | 'look' = 'repair') {
  const comparing = antiEntropy.pass(storeId, mode);
  try {
    while ((await comparing.step()) === 'busy');
  } finally {
    await comparing.end();
  }
}

async function lookAtAll(bench: ReplicaBench, mode: 'repair' | 'look' = 'repair'): Promise<void> {
  for (const storeId of bench.antiEntropy.storeIds) await look(bench, storeId, mode);
}

/** The chunks of each store, the primary first. */
async function chunksEverywhere({ parts, stores }: ReplicaBench): Promise<string[][]> {
  const pages = await Promise.all([parts.primary, ...stores].map((store) => store.list('chunk', { limit: 1000 })));
  return pages.map(({ ids }) => [...ids]);
}

async function copyEverywhere({ parts, stores }: ReplicaBench): Promise<void> {
  for (const store of stores) await copyAll(parts.primary, store);
}

/** Collects as long as the grace is, several times over; answers with what the steps came to. */
async function collect({ machine, collector }: ReplicaBench): Promise<Set<string>> {
  const outcomes = new Set<string>();
  for (let round = 0; round < 3; round += 1) {
    machine.clock.nowMs += GRACE_MS;
    for (let step = 0; step < 20; step += 1) outcomes.add(await collector.step());
  }
  return outcomes;
}

const held = ({ collector }: ReplicaBench) => collector.holds;
const ALL_CHUNKS = chunkIdsOf(Buffer.concat([KEPT, LOST]));

let machine: Machine;
let keptId: FileId;
let lostId: FileId;

/** Two files, on the primary and on both replicas, below the checkpoint; then the server stops. */
beforeEach(async () => {
  machine = await installedMachine();
  const { parts, abandon } = await start(machine);
  for (const { name, path } of REPLICAS) {
    await initDirectoryStore(machine.fs, path, {
      ...parts.primary.identity,
      storeId: newUuid<StoreId>(),
      name,
      peers: [],
    });
  }
  await abandon();
  const bench = await openBench(machine);
  keptId = (await put(bench.files, 'kept', KEPT)).fileId;
  lostId = (await put(bench.files, 'lost', LOST)).fileId;
  await copyEverywhere(bench);
  await bench.close();
});

const manifestPath = (root: string, fileId: FileId): string => `${root}/manifests/${fileId.slice(-2)}/${fileId}`;

async function loseManifests(...fileIds: FileId[]): Promise<Machine> {
  for (const fileId of fileIds) await machine.fs.unlink(manifestPath(PRIMARY_PATH, fileId));
  return withoutCatalog(machine);
}

/** What an operator does with the server stopped. */
async function putBack(fileId: FileId, { fs }: Machine): Promise<void> {
  const bytes = await fs.readFile(manifestPath(REPLICAS[0]!.path, fileId));
  const path = manifestPath(PRIMARY_PATH, fileId);
  await fs.replaceFile(path, bytes, `${PRIMARY_PATH}/staging/back.tmp`);
}

describe('files that only replicas know since the catalog was rebuilt', () => {
  it.each([
    ['one of two', () => [lostId]],
    ['all there were', () => [lostId, keptId]],
  ])('lose no chunk on any store, through looks and restarts, until they are back: %s', async (_which, lost) => {
    const rebuilt = await openBench(await loseManifests(...lost()));
    expect(rebuilt.parts.report).toMatchObject({ catalogRebuilt: 'missing', damagedManifests: 0, logWasGone: false });
    expect(held(rebuilt)).toEqual(['unseen_replicas']);
    expect(await collect(rebuilt)).toEqual(new Set(['held']));
    await lookAtAll(rebuilt);
    expect(rebuilt.antiEntropy.awaited).toEqual(
      rebuilt.replicaIds.map((storeId) => ({ storeId, unknownManifests: lost().length })),
    );
    expect(await collect(rebuilt)).toEqual(new Set(['held']));
    await rebuilt.close();
    const again = await openBench(rebuilt.machine);
    await lookAtAll(again);
    expect(await collect(again)).toEqual(new Set(['held']));
    for (const chunks of await chunksEverywhere(again)) expect(chunks).toEqual(ALL_CHUNKS);
    await again.close();

    for (const fileId of lost()) await putBack(fileId, machine);
    const whole = await openBench(withoutCatalog(machine));
    await lookAtAll(whole);
    expect([held(whole), whole.antiEntropy.awaited]).toEqual([[], []]);
    await pass(whole.collector);
    await passAfterGrace(whole);
    expect(await readOutcome(whole.files, lostId, LOST)).toBe('whole');
    expect(await readOutcome(whole.files, keptId, KEPT)).toBe('whole');
    for (const chunks of await chunksEverywhere(whole)) expect(chunks).toEqual(ALL_CHUNKS);
    await whole.close();
  });

  it('are given up by removing their manifests: then their chunks go, and no others', async () => {
    const bench = await openBench(await loseManifests(lostId));
    await lookAtAll(bench);
    for (const store of bench.stores) await store.delete({ kind: 'manifest', id: lostId });
    await lookAtAll(bench);
    expect(held(bench)).toEqual([]);
    await pass(bench.collector);
    await passAfterGrace(bench);
    expect(await readOutcome(bench.files, keptId, KEPT)).toBe('whole');
    for (const chunks of await chunksEverywhere(bench)) expect(chunks).toEqual(chunkIdsOf(KEPT));
    await bench.close();
  });

  it('hold the collection also where only one replica has one', async () => {
    const bench = await openBench(await loseManifests(lostId));
    await bench.stores[1]!.delete({ kind: 'manifest', id: lostId });
    await lookAtAll(bench);
    expect(bench.antiEntropy.awaited).toEqual([{ storeId: bench.replicaIds[0], unknownManifests: 1 }]);
    expect(held(bench)).toEqual(['unseen_replicas']);
    await bench.close();
  });

  it('hold it where they are newer than the log, which is an old copy, as is the primary', async () => {
    const old = machine.fs.snapshot();
    const newer = await openBench(machine);
    const { fileId } = await put(newer.files, 'newer', bytesOf('newer', 1));
    await newer.close();
    const restored = { ...withoutCatalog(machine), fs: new CrashFileSystem({ snapshot: old }) };
    for (const { path } of REPLICAS) await copyAll(newer.parts.primary, await storeAt(restored, path));
    const bench = await openBench(restored);
    await lookAtAll(bench);
    expect(bench.antiEntropy.awaited.map(({ unknownManifests }) => unknownManifests)).toEqual([1, 1]);
    expect(held(bench)).toEqual(['unseen_replicas']);
    expect(await bench.stores[0]!.has({ kind: 'manifest', id: fileId })).toBeDefined();
    await bench.close();
  });
});

describe('the hold of a rebuilt catalog', () => {
  it('ends with the first whole look at every store, and frees what deletes have left meanwhile', async () => {
    const bench = await openBench(withoutCatalog(machine));
    await bench.files.delete(lostId);
    expect(await collect(bench)).toEqual(new Set(['held']));
    await lookAtAll(bench);
    expect(held(bench)).toEqual([]);
    await pass(bench.collector);
    for (const chunks of await chunksEverywhere(bench)) expect(chunks).toEqual(chunkIdsOf(KEPT));
    await bench.close();
  });

  it('is not set again by a manifest that turns up on a later day', async () => {
    const bench = await openBench(machine);
    const [store] = bench.stores;
    const manifest = (await store!.get({ kind: 'manifest', id: lostId }))!;
    await store!.put({ kind: 'manifest', id: newFileId(1) }, manifest);
    await lookAtAll(bench);
    expect([held(bench), bench.antiEntropy.awaited]).toEqual([[], []]);
    await bench.close();
    const next = await openBench(machine);
    expect(held(next)).toEqual([]);
    await next.close();
  });

  it('does not end for a manifest of a file that is deleted: its delete is owed to the replica', async () => {
    const before = await openBench(machine);
    await before.files.delete(lostId);
    await before.close();
    const bench = await openBench(withoutCatalog(machine));
    await lookAtAll(bench);
    expect(await bench.stores[0]!.has({ kind: 'manifest', id: lostId })).toBeDefined();
    expect(held(bench)).toEqual([]);
    await bench.close();
  });

  it('waits for a replica that is away', async () => {
    const bench = await openBench(withoutCatalog(machine));
    const [first, second] = bench.replicaIds;
    bench.away = second;
    await look(bench, bench.primaryId);
    await look(bench, first!);
    await expect(look(bench, second!)).rejects.toMatchObject({ code: 'store_unreachable' });
    expect(bench.antiEntropy.awaited).toEqual([{ storeId: second, unknownManifests: undefined }]);
    expect(held(bench)).toEqual(['unseen_replicas']);
    bench.away = undefined;
    await look(bench, second!);
    expect(held(bench)).toEqual([]);
    await bench.close();
  });

  it('waits for a replica that awaits adoption: nobody looks at what it holds', async () => {
    await (await openBench(machine, REPLICAS.slice(0, 1))).close();
    const bench = await openBench(withoutCatalog(machine));
    expect(bench.antiEntropy.storeIds).toHaveLength(2);
    await lookAtAll(bench);
    expect(bench.antiEntropy.awaited).toHaveLength(1);
    expect(held(bench)).toEqual(['unseen_replicas']);
    await bench.close();
  });

  it('is not ended by looks that change nothing, nor are they counted beside others', async () => {
    const bench = await openBench(withoutCatalog(machine));
    await lookAtAll(bench, 'look');
    expect(held(bench)).toEqual(['unseen_replicas']);
    await look(bench, bench.primaryId);
    expect(held(bench)).toEqual(['unseen_replicas']);
    for (const storeId of bench.replicaIds) await look(bench, storeId);
    expect(held(bench)).toEqual([]);
    await bench.close();
  });

  it('is not ended by a look at a store whose directories had gaps', async () => {
    const bench = await openBench(withoutCatalog(machine));
    const { path } = REPLICAS[0]!;
    await machine.fs.rename(`${path}/manifests/${lostId.slice(-2)}`, `${path}/lost+found`);
    await lookAtAll(bench);
    expect(bench.antiEntropy.awaited).toEqual([{ storeId: bench.replicaIds[0], unknownManifests: undefined }]);
    await look(bench, bench.replicaIds[0]!);
    expect(held(bench)).toEqual([]);
    await bench.close();
  });

  it('is not set in a new installation, nor without replicas, which nobody but the primary could know a file of', async () => {
    const fresh = { ...withoutCatalog(machine), fs: new CrashFileSystem() };
    const first = await start(fresh, { replicas: REPLICAS });
    expect(first.collector.holds).toEqual([]);
    await first.close();
    const without = await openBench(withoutCatalog(machine), []);
    expect(held(without)).toEqual([]);
    await without.close();
  });
});
