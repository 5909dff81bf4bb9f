/** A machine that lost its primary, its log and its catalog, and has one replica of several. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { newUuid } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import type { RebuildOptions } from '#libs/recovery';
import { DirectoryPlace, DirectoryStore, initDirectoryStore } from '#libs/stores';
import type { ObjectKey, Store } from '#libs/stores';
import { installedMachine, PRIMARY_PATH, start, TestClock } from '../states/machine.js';
import type { Machine } from '../states/machine.js';
import { put } from '../store/installation.js';
import { repairOptions } from './damaged-machine.js';
import type { KnownFile } from './damaged-machine.js';

export const REPLICAS = ['first', 'second'].map((name) => ({ name, path: `/${name}` }));

const SIZES = { small: 150, deleted: 120, large: 1300, second: 700, last: 90 };

export interface LostMachine {
  /** Both replicas whole, at the paths of `REPLICAS`; nothing else. */
  readonly disk: DiskSnapshot;
  readonly files: Readonly<Record<string, KnownFile>>;
  /** The machine before the loss, cut off above its last checkpoint. */
  readonly before: Machine;
}

/** Five files, two of them of several chunks, one deleted. */
export async function lostMachine(): Promise<LostMachine> {
  const machine = await installedMachine();
  const store = await start(machine);
  const files: Record<string, KnownFile> = {};
  for (const [name, size] of Object.entries(SIZES)) {
    const bytes = Buffer.alloc(size, name);
    files[name] = { fileId: (await put(store.files, name, bytes)).fileId, bytes };
  }
  await store.files.delete(files['deleted']!.fileId);
  const { primary } = store.parts;
  const fs = new CrashFileSystem();
  for (const { name, path } of REPLICAS) {
    const identity = { ...primary.identity, storeId: newUuid<StoreId>(), name, peers: [] };
    await initDirectoryStore(fs, path, identity);
    await copyAll(primary, new DirectoryStore(fs, path, identity));
  }
  await store.abandon();
  const [durable] = crashStates(fs.snapshot(), { limit: 1 });
  return { disk: durable!.fileSystem.snapshot(), files, before: machine };
}

export async function copyAll(source: Store, target: Store): Promise<void> {
  for (const kind of ['chunk', 'manifest', 'tombstone'] as const) {
    const { ids } = await source.list(kind, { limit: 1000 });
    for (const id of ids) {
      const key = { kind, id } as ObjectKey;
      await target.put(key, (await source.get(key))!);
    }
  }
}

export function lost(disk: DiskSnapshot): Machine {
  return { fs: new CrashFileSystem({ snapshot: disk }), catalogs: new ModelledCatalogs(), clock: new TestClock() };
}

export function rebuildOptions(machine: Machine, more: Partial<RebuildOptions> = {}): RebuildOptions {
  const { fs, catalogs } = machine;
  const replicas = REPLICAS.map(({ name, path }) => ({ name, place: new DirectoryPlace(fs, path) }));
  return {
    ...repairOptions(machine),
    replicas,
    source: new DirectoryPlace(fs, '/second'),
    from: 'second',
    others: 'named',
    catalogs,
    signal: new AbortController().signal,
    progress: () => undefined,
    ...more,
  };
}

export const startRebuilt = (machine: Machine): ReturnType<typeof start> => start(machine, { replicas: REPLICAS });

/** The store at a path of the machine, opened as a test opens it. */
export async function storeAt({ fs }: Machine, path: string): Promise<DirectoryStore> {
  const place = new DirectoryPlace(fs, path);
  return place.open((await place.identify())!);
}

export { PRIMARY_PATH };
