/** The adoption of a replica, on a disk that may lose its power at any step of it. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { newUuid } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import { adoptReplica, planAdoption, rebuildPrimary } from '#libs/recovery';
import type { AdoptOptions } from '#libs/recovery';
import { initDirectoryStore, readIdentity, writeIdentity } from '#libs/stores';
import { beforeAll, describe, expect, it } from 'vitest';
import { start } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { put } from '../store/installation.js';
import { copyAll, lost, lostMachine, PRIMARY_PATH, rebuildOptions, REPLICAS, storeAt } from './rebuilt-machine.js';

const STATES_PER_CUT = 2;
/** Three files, and the deletes of the other two. */
const OWED = 5;
const [FIRST, SECOND] = REPLICAS as [(typeof REPLICAS)[number], (typeof REPLICAS)[number]];

let disk: DiskSnapshot;
let ids: Record<string, FileId>;
/** Of the second replica, which was out of the settings while `small` was deleted. */
let formerId: StoreId;

beforeAll(async () => {
  const original = await lostMachine();
  ids = Object.fromEntries(Object.entries(original.files).map(([name, { fileId }]) => [name, fileId]));
  const machine = lost(original.disk);
  await rebuildPrimary(rebuildOptions(machine));
  await (await start(machine, { replicas: REPLICAS })).close();
  formerId = (await readIdentity(machine.fs, '/second'))!.storeId;
  const without = await start(machine, { replicas: [FIRST] });
  await without.files.delete(ids['small']!);
  await without.close();
  const [durable] = crashStates(machine.fs.snapshot(), { limit: 1 });
  disk = durable!.fileSystem.snapshot();
});

const adoptSecond = (machine: Machine): AdoptOptions => ({ ...rebuildOptions(machine), name: 'second' });

/** How the second replica is bound at a start, under which id, and what is owed to it. */
async function bound(machine: Machine) {
  const store = await start(machine, { replicas: [FIRST, SECOND] });
  const { storeId, bound: how } = store.parts.replicas[1]!;
  store.parts.catalog.obligations.keepFilled(store.parts.replicas.map((replica) => replica.storeId));
  const page = { storeId, limit: 100, nowMs: 1 };
  while (store.parts.catalog.obligations.fill(page) === 'more');
  const owed = store.parts.catalog.obligations.load(storeId).files;
  await store.close();
  return { storeId, how, owed };
}

async function has(machine: Machine, kind: 'manifest' | 'tombstone', name: string): Promise<boolean> {
  return (await (await storeAt(machine, '/second')).has({ kind, id: ids[name]! })) !== undefined;
}

const inCorrupt = async ({ fs }: Machine): Promise<string[]> => fs.readDirectory('/second/corrupt');

/** As when the tombstone has expired everywhere. */
async function forgetDelete(machine: Machine): Promise<void> {
  await (await storeAt(machine, PRIMARY_PATH)).delete({ kind: 'tombstone', id: ids['small']! });
}

describe('a replica that was out of the settings', () => {
  it('is foreign until it is adopted, then another store that is owed every file and every delete', async () => {
    const machine = lost(disk);
    expect(await bound(machine)).toMatchObject({ how: 'foreign' });
    const done = await adoptReplica(adoptSecond(machine));
    expect(done).toMatchObject({ kind: 'take', files: 4, deleted: [ids['small']], unknown: [] });
    expect(done.storeId).not.toBe(formerId);
    expect(await bound(machine)).toEqual({ how: 'online', storeId: done.storeId, owed: OWED });
  });

  it('does not bring back what was deleted meanwhile', async () => {
    const machine = lost(disk);
    await adoptReplica(adoptSecond(machine));
    expect(await has(machine, 'manifest', 'small')).toBe(false);
    expect(await has(machine, 'tombstone', 'small')).toBe(true);
    expect(await has(machine, 'manifest', 'large')).toBe(true);
  });

  it('has what nobody knows any more set aside, not deleted', async () => {
    const machine = lost(disk);
    await forgetDelete(machine);
    expect(await adoptReplica(adoptSecond(machine))).toMatchObject({ deleted: [], unknown: [ids['small']] });
    expect(await has(machine, 'manifest', 'small')).toBe(false);
    expect(await inCorrupt(machine)).toEqual([expect.stringContaining(`manifest-${ids['small']!}`)]);
  });

  it('is planned without changing a byte', async () => {
    const machine = lost(disk);
    const before = machine.fs.operationCount;
    const planned = await planAdoption(adoptSecond(machine));
    expect(planned).toMatchObject({ kind: 'take', deleted: [ids['small']], storeId: undefined });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('is foreign, or has nothing that was deleted, where the power goes at any step', async () => {
    const machine = lost(disk);
    const cuts: DiskSnapshot[] = [];
    machine.fs.onBoundary(() => cuts.push(machine.fs.snapshot()));
    await adoptReplica(adoptSecond(machine));
    cuts.push(machine.fs.snapshot());
    const met = new Set<string>();
    for (const [index, cut] of cuts.entries()) {
      for (const { label, fileSystem } of crashStates(cut, { limit: STATES_PER_CUT, seed: index })) {
        const left = lost(fileSystem.snapshot());
        const { how } = await bound(left);
        met.add(how);
        if (how === 'foreign') await adoptReplica(adoptSecond(left));
        expect(await bound(left), `cut ${index}, ${label}`).toMatchObject({ how: 'online' });
        expect(await has(left, 'manifest', 'small'), `cut ${index}, ${label}`).toBe(false);
      }
    }
    expect([...met].toSorted()).toEqual(['foreign', 'online']);
  });
});

describe('the place of a replica', () => {
  it('that was emptied becomes a new store, owed every file and every delete', async () => {
    const machine = lost(disk);
    await adoptReplica(adoptSecond(machine));
    await bound(machine);
    await machine.fs.rename('/second', '/gone');
    expect(await bound(machine)).toMatchObject({ how: 'offline' });
    const done = await adoptReplica(adoptSecond(machine));
    expect(done).toMatchObject({ kind: 'make', found: undefined });
    expect(await bound(machine)).toEqual({ how: 'online', storeId: done.storeId, owed: OWED });
  });

  it('that holds a copy of another store gets an id of its own', async () => {
    const machine = lost(disk);
    await machine.fs.rename('/second', '/gone');
    const first = (await readIdentity(machine.fs, '/first'))!;
    await initDirectoryStore(machine.fs, '/second', first);
    await copyAll(await storeAt(machine, '/first'), await storeAt(machine, '/second'));
    await expect(bound(machine)).rejects.toMatchObject({ code: 'store_mismatch' });
    const done = await adoptReplica(adoptSecond(machine));
    expect(done.kind).toBe('copy');
    expect(await bound(machine)).toMatchObject({ how: 'online', storeId: done.storeId });
    expect((await readIdentity(machine.fs, '/first'))!.storeId).toBe(first.storeId);
  });

  it('that is sound needs nothing, and is left as it is', async () => {
    const machine = lost(disk);
    const before = machine.fs.operationCount;
    expect(await adoptReplica({ ...adoptSecond(machine), name: 'first' })).toMatchObject({ kind: 'not_needed' });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('that holds a store of another installation is refused, and not a byte of it changes', async () => {
    const machine = lost(disk);
    const identity = (await readIdentity(machine.fs, '/second'))!;
    await writeIdentity(machine.fs, '/second', { ...identity, clusterId: newUuid() });
    const before = machine.fs.operationCount;
    await expect(adoptReplica(adoptSecond(machine))).rejects.toMatchObject({ code: 'store_mismatch' });
    await expect(adoptReplica({ ...adoptSecond(machine), name: 'third' })).rejects.toMatchObject({
      code: 'replica_not_found',
    });
    expect(machine.fs.operationCount).toBe(before);
  });

  it('that has a file whose manifest the primary lost keeps it', async () => {
    const machine = lost(disk);
    // The catalog and no other knows it.
    const store = await start(machine, { replicas: [FIRST] });
    await store.close();
    await (await storeAt(machine, PRIMARY_PATH)).delete({ kind: 'manifest', id: ids['large']! });
    expect(await adoptReplica(adoptSecond(machine))).toMatchObject({ unknown: [] });
    expect(await has(machine, 'manifest', 'large')).toBe(true);
  });

  it('that has a file which is in the log alone keeps it: the replay brings it back', async () => {
    const machine = lost(disk);
    const store = await start(machine, { replicas: [FIRST] });
    const { fileId: id } = await put(store.files, 'fresh', Buffer.from('fresh'));
    const key = { kind: 'manifest', id } as const;
    await (await storeAt(machine, '/second')).put(key, (await store.parts.primary.get(key))!);
    await store.abandon();
    // What was applied above the checkpoint was not durable yet, and neither was the catalog.
    await (await storeAt(machine, PRIMARY_PATH)).delete(key);
    const killed = { ...machine, catalogs: new ModelledCatalogs() };
    expect(await adoptReplica(adoptSecond(killed))).toMatchObject({ unknown: [] });
  });
});
