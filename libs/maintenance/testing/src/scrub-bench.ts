/** A primary and two replicas on disks in memory, a catalog that knows their files, and readers whose calls can be watched. */
import { createCatalog } from '#libs/catalog';
import type { Catalog, Obligation } from '#libs/catalog';
import { nodeFileSystem } from '#libs/durable-fs';
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { lsn, StoreError } from '#libs/kernel';
import type { ChunkId, FileId, LogId, StoreId } from '#libs/kernel';
import { initDirectoryStore, PrimaryStore, DirectoryStore } from '#libs/stores';
import type { ObjectKey, Store } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { CLUSTER_ID, putInto, WatchedStore } from '#libs/transfer/testing';
import type { StoreCall, TestFile } from '#libs/transfer/testing';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ScrubContext } from '../../src/scrub-remedy.js';
import { StoreReader } from '../../src/store-reader.js';

const LOG_ID = '10900000-0000-4000-8000-000000000001' as LogId;
const ROOT = '/store';

export class ScrubBench implements AsyncDisposable {
  readonly primaryId = '5704e000-0000-4000-8000-000000000001' as StoreId;
  readonly replicaId = '5704e000-0000-4000-8000-000000000002' as StoreId;
  readonly otherId = '5704e000-0000-4000-8000-000000000003' as StoreId;
  readonly catalog: Catalog;
  readonly context: ScrubContext;
  readonly disks = new Map<StoreId, CrashFileSystem>();
  readonly stores = new Map<StoreId, DirectoryStore>();
  /** Stores that cannot be found now. */
  readonly away = new Set<StoreId>();
  /** Of every time that a store was looked for. */
  readonly openings: StoreId[] = [];
  /** Called before each call of a store. */
  before: (call: StoreCall) => Promise<void> = async () => undefined;
  nowMs = 1_000;
  readonly #directory: string;

  private constructor(parts: { catalog: Catalog; directory: string; primary: PrimaryStore; timeoutMs: number }) {
    const { catalog, directory, primary, timeoutMs } = parts;
    this.catalog = catalog;
    this.#directory = directory;
    const storesOf = {
      open: async (storeId: StoreId): Promise<Store> => {
        this.openings.push(storeId);
        this.#assertThere(storeId);
        return new WatchedStore(this.stores.get(storeId)!, { before: (call) => this.before(call) });
      },
      confirm: async ({ identity }: Store): Promise<void> => this.#assertThere(identity.storeId),
    };
    const names = { primary: this.primaryId, replica: this.replicaId, other: this.otherId };
    const readers = Object.entries(names).map(
      ([name, storeId]) => [storeId, new StoreReader({ storeId, name, stores: storesOf, timeoutMs })] as const,
    );
    this.context = {
      readers: new Map(readers),
      primaryId: this.primaryId,
      guard: primary.guard,
      catalog,
      replication: { oweAnew: (order) => catalog.obligations.oweAnew({ ...order, nowMs: this.nowMs }) },
      clock: { now: () => this.nowMs },
      log: silentLog,
    };
  }

  static async make({ timeoutMs = 5_000 } = {}): Promise<ScrubBench> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-scrub-'));
    const catalog = await createCatalog(
      nodeFileSystem,
      join(directory, 'catalog.db'),
      CLUSTER_ID,
      async () => undefined,
    );
    const disk = new CrashFileSystem();
    const identity = { clusterId: CLUSTER_ID, storeId: '' as StoreId, name: 'primary', peers: [] };
    const primary = new PrimaryStore(disk, ROOT, identity);
    const bench = new ScrubBench({ catalog, directory, primary, timeoutMs });
    const primaryIdentity = { ...identity, storeId: bench.primaryId };
    await initDirectoryStore(disk, ROOT, primaryIdentity);
    bench.disks.set(bench.primaryId, disk);
    bench.stores.set(bench.primaryId, new DirectoryStore(disk, ROOT, primaryIdentity));
    for (const storeId of [bench.replicaId, bench.otherId]) {
      const replicaDisk = new CrashFileSystem();
      const replica = {
        clusterId: CLUSTER_ID,
        storeId,
        name: storeId === bench.otherId ? 'other' : 'replica',
        peers: [],
      };
      await initDirectoryStore(replicaDisk, ROOT, replica);
      bench.disks.set(storeId, replicaDisk);
      bench.stores.set(storeId, new DirectoryStore(replicaDisk, ROOT, replica));
    }
    return bench;
  }

  /** The files stand on all stores, and every copy has been confirmed. */
  async hold(...files: readonly TestFile[]): Promise<void> {
    for (const store of this.stores.values()) await putInto(store, ...files);
    this.catalogue(files);
    this.confirmAll(files.map(({ fileId }) => fileId));
  }

  catalogue(files: readonly TestFile[]): void {
    const rest = { contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
    for (const { fileId, sizeBytes, chunks } of files) {
      const entry = { fileId, fileName: `file ${fileId}`, fileSize: sizeBytes, ...rest, logId: LOG_ID, lsn: lsn(1) };
      const chunkIds = chunks.map(({ key }) => key.id as ChunkId);
      this.#apply({ kind: 'put', entry: { ...entry, mode: 'async' }, chunkIds });
    }
  }

  /** As apply does, and as the replicas confirm it. */
  async delete(...files: readonly TestFile[]): Promise<void> {
    for (const { fileId, manifest, tombstone } of files) {
      for (const store of this.stores.values()) {
        await store.put(tombstone.key, tombstone.bytes);
        await store.delete(manifest.key);
      }
      this.#apply({ kind: 'delete', fileId });
    }
    this.confirmAll(files.map(({ fileId }) => fileId));
  }

  confirmAll(fileIds: readonly FileId[]): void {
    for (const fileId of fileIds) {
      const rows = this.catalog.obligations.of(fileId);
      const closings = rows.map(({ storeId, generation, want }) => ({ fileId, storeId, generation, want }));
      this.catalog.obligations.close(closings, this.nowMs);
    }
  }

  /** Flips a bit of the object, where it stands. */
  async rot(storeId: StoreId, key: ObjectKey): Promise<void> {
    const store = this.stores.get(storeId)!;
    const bytes = (await store.get(key))!;
    bytes[bytes.length >> 1]! ^= 1;
    await this.disks.get(storeId)!.replaceFile(store.pathOf(key), bytes, store.temporaryPath());
  }

  /** Names in `corrupt/`, without what makes them differ. */
  async aside(storeId: StoreId): Promise<string[]> {
    const names = await this.disks.get(storeId)!.readDirectory(`${ROOT}/corrupt`);
    return names.map((name) => name.slice(0, -37)).toSorted();
  }

  isThere(storeId: StoreId, key: ObjectKey): Promise<boolean> {
    return this.stores
      .get(storeId)!
      .has(key)
      .then((size) => size !== undefined);
  }

  /** What is owed to that store for the file: `operation` and `state`. */
  owed(storeId: StoreId, fileId: FileId): string | undefined {
    const row = this.catalog.obligations.of(fileId).find((each: Obligation) => each.storeId === storeId);
    return row === undefined ? undefined : `${row.operation} ${row.state}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.catalog.close();
    await rm(this.#directory, { recursive: true });
  }

  #apply(change: Parameters<Catalog['apply']>[0]['changes'][number]): void {
    const replicaIds = [this.replicaId, this.otherId];
    this.catalog.apply({ changes: [change], logId: LOG_ID, appliedLsn: lsn(1), replicaIds, nowMs: this.nowMs });
  }

  #assertThere(storeId: StoreId): void {
    if (this.away.has(storeId)) throw new StoreError('store_unreachable', 'It is away.');
  }
}
