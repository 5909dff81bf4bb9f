/** An installation in memory with two replicas that are there, jobs that are done when a test says so, and its expiry. */
import { ModelledCatalogs } from '#libs/catalog/testing';
import type { CatalogImage } from '#libs/catalog/testing';
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { FileId, StoreId } from '#libs/kernel';
import { StoreError } from '#libs/kernel';
import { AntiEntropy, TombstoneExpiry } from '#libs/maintenance';
import { DirectoryStore, initDirectoryStore } from '#libs/stores';
import type { ListQuery, ObjectKey, ObjectKind, ObjectPage, Store } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { JobRunner } from '#libs/transfer';
import type { Stores } from '#libs/transfer';
import { CHUNK_SIZE, start, TestClock } from '../states/machine.js';
import type { Machine, RunningStore, StartOptions } from '../states/machine.js';
import { bytesOf, DAY_MS, put } from './bench.js';

export const HOLD_MS = 7 * DAY_MS;
/** Longer than a leap of the clock is distrusted, and than the time between two rounds. */
export const ROUND_MS = 2 * DAY_MS;

export const tombstone = (id: FileId): ObjectKey => ({ kind: 'tombstone', id });
export const manifest = (id: FileId): ObjectKey => ({ kind: 'manifest', id });

export interface Place {
  readonly storeId: StoreId;
  readonly directory: DirectoryStore;
  /** What opening it gives. */
  store: Store;
  isAway: boolean;
  /** Called when it is asked again who it is. */
  confirm: () => Promise<void>;
}

export class TombstoneBench {
  readonly machine: Machine;
  readonly running: RunningStore;
  readonly primaryId: StoreId;
  /** The primary first. */
  readonly places: readonly Place[];
  readonly expiry: TombstoneExpiry;
  readonly stores: Stores;
  runningMs = 0;

  private constructor(machine: Machine, running: RunningStore, replicas: readonly DirectoryStore[]) {
    this.machine = machine;
    this.running = running;
    const { primary } = running.parts;
    this.primaryId = primary.identity.storeId;
    this.places = [primary, ...replicas].map((directory) => ({
      storeId: directory.identity.storeId,
      directory,
      store: directory,
      isAway: false,
      confirm: async () => undefined,
    }));
    this.stores = {
      open: async (storeId) => this.#present(storeId).store,
      confirm: async ({ identity }) => this.#present(identity.storeId).confirm(),
    };
    this.expiry = this.newExpiry();
  }

  static async open(machine: Machine, options: StartOptions = {}): Promise<TombstoneBench> {
    const running = await start(machine, options);
    const { clusterId } = running.parts.primary.identity;
    const replicas = running.parts.replicas.map(async ({ storeId, name }) => {
      const identity = { clusterId, storeId, name, peers: [] };
      const path = `/replicas/${name}`;
      if ((await machine.fs.stat(`${path}/holdfast.json`)) === undefined) {
        await initDirectoryStore(machine.fs, path, identity);
      }
      return new DirectoryStore(machine.fs, path, identity);
    });
    return new TombstoneBench(machine, running, await Promise.all(replicas));
  }

  get catalog() {
    return this.running.parts.catalog;
  }

  get replicaIds(): StoreId[] {
    return this.places.slice(1).map(({ storeId }) => storeId);
  }

  newExpiry(): TombstoneExpiry {
    return new TombstoneExpiry({
      ...this.running.parts,
      replicaIds: this.replicaIds,
      stores: this.stores,
      clock: this.machine.clock,
      runningMs: () => this.runningMs,
      holdMs: HOLD_MS,
      notice: () => undefined,
      log: silentLog,
    });
  }

  /** A file that every replica has. */
  async put(name: string): Promise<FileId> {
    const { fileId } = await put(this.running.files, name, bytesOf(name, 1));
    await this.carryOut();
    return fileId;
  }

  /** A file that was deleted, and every replica has confirmed it; the log has forgotten both. */
  async deleted(name = 'deleted'): Promise<FileId> {
    const fileId = await this.put(name);
    await this.running.files.delete(fileId);
    await this.carryOut();
    await this.forgetLog();
    return fileId;
  }

  /** Small files are put until the log's segments of before are gone. */
  async forgetLog(): Promise<void> {
    const { wal, checkpointer } = this.running.parts;
    const { committedLsn } = wal;
    for (let number = 0; wal.oldestLsn <= committedLsn; number += 1) {
      await put(this.running.files, `young ${number}`, Buffer.alloc(CHUNK_SIZE / 4));
      if (number % 4 === 3) await checkpointer.run();
    }
    await this.carryOut();
  }

  /** Does what is owed, as workers do. */
  async carryOut(): Promise<void> {
    const { obligations, catalogId, clusterId } = this.catalog;
    const { clock } = this.machine;
    const runner = new JobRunner({ stores: this.stores, clock });
    for (const targetId of this.replicaIds) {
      const due = obligations.due({ storeId: targetId, nowMs: clock.now(), limit: 1000, except: new Set() });
      for (const item of due) {
        const { operation, fileId, generation } = item;
        const ids = { catalogId, clusterId, sourceId: this.primaryId, targetId };
        const job = { jobId: 'job', ...ids, operation, deadlineMs: clock.now() + DAY_MS, items: [item] };
        const { items } = await runner.run(job, new AbortController().signal);
        if (items[0]!.outcome !== 'done') throw new Error(`${operation} ${fileId}: ${items[0]!.error?.message}`);
        const want = operation === 'delete' ? 'absent' : 'present';
        obligations.close([{ fileId, storeId: targetId, generation, want }], clock.now());
      }
    }
  }

  /** Time passes for the clock and for the process alike. */
  pass(ms: number): void {
    this.machine.clock.nowMs += ms;
    this.runningMs += ms;
  }

  async round(): Promise<void> {
    for (let steps = 0; (await this.expiry.step()) === 'busy'; steps += 1) {
      if (steps > 1000) throw new Error('the round does not end');
    }
  }

  /** The hold passes, and two rounds after it, so that what was ripe at the first may go at the second. */
  async expire(): Promise<void> {
    this.pass(HOLD_MS);
    for (let round = 0; round < 2; round += 1) {
      this.pass(ROUND_MS);
      await this.round();
    }
  }

  /** Which stores have the object, by their names. */
  async having(key: ObjectKey): Promise<string[]> {
    const names: string[] = [];
    for (const { directory } of this.places) {
      if ((await directory.has(key)) !== undefined) names.push(directory.identity.name);
    }
    return names;
  }

  /** What anti-entropy says of the stores, in words; chunks are left to the collection. */
  async findings(storeIds = this.places.map(({ storeId }) => storeId)): Promise<string[]> {
    const antiEntropy = new AntiEntropy({
      ...this.running.parts,
      clock: this.machine.clock,
      replicaIds: this.replicaIds,
      stores: this.stores,
      oweRepair: () => undefined,
      notice: () => undefined,
    });
    const told: string[] = [];
    for (const storeId of storeIds) {
      const pass = antiEntropy.pass(storeId, 'repair');
      while ((await pass.step()) === 'busy');
      const records = pass.progress.findings.filter(({ key }) => key.kind !== 'chunk');
      told.push(...records.map(({ key, reason }) => `${key.kind} ${key.id}: ${reason}`));
      await pass.end();
    }
    return told;
  }

  #present(storeId: StoreId): Place {
    const place = this.places.find((each) => each.storeId === storeId);
    if (place === undefined || place.isAway) throw new StoreError('store_unreachable', 'The store is away.');
    return place;
  }
}

/** A store that lets a test act before each of the calls of a kind. */
export function actingBefore(store: Store, method: 'has' | 'deleteAll', act: (keys: readonly ObjectKey[]) => unknown) {
  return new Proxy(store, {
    get: (target, name) => {
      const value = target[name as keyof Store] as unknown;
      if (typeof value !== 'function') return value;
      if (name !== method) return value.bind(target) as unknown;
      return async (argument: ObjectKey | readonly ObjectKey[]) => {
        await act([argument].flat());
        return (value as (keys: unknown) => unknown).call(target, argument);
      };
    },
  });
}

/** A store as it was before its tombstones came. */
export function listingNoTombstones(store: Store): Store {
  return new Proxy(store, {
    get: (target, name) => {
      if (name === 'list') {
        return async (kind: ObjectKind, query: ListQuery): Promise<ObjectPage> =>
          kind === 'tombstone' ? { ids: [], next: undefined } : target.list(kind, query);
      }
      const value = target[name as keyof Store] as unknown;
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

export interface Cut {
  readonly disk: DiskSnapshot;
  readonly images: readonly CatalogImage[];
  readonly nowMs: number;
}

/** Notes the instant before everything that becomes durable from now on. */
export function noteCuts({ fs, catalogs, clock }: Machine): Cut[] {
  const cuts: Cut[] = [];
  const note = (): void => void cuts.push({ disk: fs.snapshot(), images: catalogs.images(), nowMs: clock.nowMs });
  fs.onBoundary(note);
  catalogs.onBoundary(note);
  return cuts;
}

/** What the cut may have left: disks that kept some of what was not synced, each with the oldest and the newest catalog, and with none. */
export function* machinesOf(
  { disk, images, nowMs }: Cut,
  limit: number,
): Generator<{ label: string; machine: Machine }> {
  for (const { label, fileSystem } of crashStates(disk, { limit })) {
    const snapshot = fileSystem.snapshot();
    for (const image of new Set([images.at(0), images.at(-1), undefined])) {
      const catalogs = new ModelledCatalogs(image);
      const fs = new CrashFileSystem({ snapshot });
      yield {
        label: `${label}, catalog ${image === undefined ? 'lost' : images.indexOf(image)}`,
        machine: { fs, catalogs, clock: new TestClock(nowMs) },
      };
    }
  }
}
