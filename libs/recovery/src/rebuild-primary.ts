/**
 * A new primary from any one replica, with no catalog and no log. The order makes it safe to be cut off anywhere and begun
 * again:
 *
 *   marker          a start refuses from here on, and knows the command          (else: half a primary is served)
 *   directories
 *   tombstones      of every reachable store, and of the log                     (else: a deleted file comes back)
 *   files           chunks before manifests, of the source, then of the log
 *   catalog         an old one is set aside, it knows what this primary has not  (else: a start believes it)
 *   identity        now it is a primary
 *   marker removed  now it may start
 *
 * The catalog is built by the start, as always when there is none. What the log still has is taken whole, from its first
 * record on: a start replays only what is above the checkpoint, and what lies below was on the disk that is lost.
 */
import { makeDirectoryDurably } from '#libs/durable-fs';
import { forEachConcurrently, lsn, NO_LSN } from '#libs/kernel';
import type { FileId, Lsn } from '#libs/kernel';
import { DirectoryStore, makeStoreDirectories, writeIdentity } from '#libs/stores';
import type { Store, StoreIdentity } from '#libs/stores';
import { onDiskOf } from './disk-full.js';
import { whileStopped } from './examine-log.js';
import { FileTaker } from './file-taker.js';
import type { DamagedFile } from './file-taker.js';
import { HelperFailure } from './helping-store.js';
import type { ReadableStore } from './helping-store.js';
import { logDeletesOf, logFilesOf } from './rebuild-log.js';
import { removeMarker, writeMarker } from './rebuild-marker.js';
import { openSources, peersOf } from './rebuild-sources.js';
import type { RebuildOptions, RebuildSources } from './rebuild-sources.js';
import { idsOf, manifestsOf, manifestsOnlyOn, tombstonesOf } from './stored-files.js';
import type { Batch, CorruptObject, StoredManifest } from './stored-files.js';

/** A file that the source does not have, and another reachable store does. */
export interface LackedFile {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly sizeBytes: number;
  /** The name of that store. */
  readonly on: string;
}

export interface RebuildPlan {
  readonly sources: RebuildSources;
  readonly files: number;
  readonly tombstones: number;
  /** Of files that are not deleted, as far as all reachable stores say. */
  readonly lacked: readonly LackedFile[];
}

export interface RebuildReport {
  readonly sources: RebuildSources;
  /** Of the new primary. */
  readonly files: number;
  readonly tombstones: number;
  /** Files that only the log had. */
  readonly filesFromLog: number;
  readonly lacked: readonly LackedFile[];
  readonly damaged: readonly DamagedFile[];
  readonly corrupt: readonly CorruptObject[];
  /** Files of which the source had a damaged manifest, and no reachable store a whole one. */
  readonly lost: readonly FileId[];
  /** Helping stores that failed on the way: what only they have is not known. */
  readonly failedStores: readonly string[];
  /** The highest of all that the new primary holds. */
  readonly reachedLsn: Lsn;
  readonly catalogSetAside: string | undefined;
}

/** What `rebuildPrimary` would do. Changes nothing, and reads no chunk. */
export function planRebuild(options: RebuildOptions): Promise<RebuildPlan> {
  return whileStopped(options, async () => {
    const sources = await openSources(options);
    const { source, helpers } = sources;
    const lacked = new Map<FileId, LackedFile>();
    for (const helper of helpers) {
      const ids = notDeleted(manifestsOnlyOn(helper, source), [source, ...helpers]);
      for await (const { whole } of manifestsOf(helper, ids)) note(lacked, whole, helper);
    }
    const files = await countOf(idsOf(source, 'manifest'));
    return { sources, files, tombstones: await countOf(idsOf(source, 'tombstone')), lacked: [...lacked.values()] };
  });
}

/** Throws what a wrong place says, with nothing changed, and otherwise what a disk says: then it is run again. */
export async function rebuildPrimary(options: RebuildOptions): Promise<RebuildReport> {
  const { fs, storagePath } = options;
  await whileStopped(options, () => openSources(options));
  const place = { setting: 'STORAGE_PATH', path: storagePath };
  await onDiskOf(place, makeDirectoryDurably(fs, storagePath));
  return whileStopped(options, async () => {
    const sources = await openSources(options);
    return onDiskOf(place, new Rebuild(options, sources).run());
  });
}

class Rebuild {
  readonly #options: RebuildOptions;
  readonly #sources: RebuildSources;
  readonly #identity: StoreIdentity;
  readonly #target: Store;
  readonly #taker: FileTaker;
  readonly #corrupt = new Map<string, CorruptObject>();
  readonly #failed = new Set<ReadableStore>();
  /** Files of which the source has a manifest that cannot be read. */
  readonly #unreadable = new Set<FileId>();
  /** Tombstones that cannot be read: their files are deleted all the same. */
  readonly #deletedUnreadably = new Set<FileId>();
  #reachedLsn: Lsn = NO_LSN;
  #bytes = 0;
  #files = 0;

  constructor(options: RebuildOptions, sources: RebuildSources) {
    const { clusterId, storeId } = sources.marker;
    this.#options = options;
    this.#sources = sources;
    this.#identity = { clusterId, storeId, name: 'primary', peers: peersOf(sources) };
    this.#target = new DirectoryStore(options.fs, options.storagePath, this.#identity);
    this.#taker = new FileTaker({
      target: this.#target,
      sources: () => [sources.source, ...this.#helpers],
      failed: (failure) => this.#fail(failure),
      corrupt: (object) => this.#noteCorrupt(object),
      took: (bytes) => this.#progress(bytes),
    });
  }

  async run(): Promise<RebuildReport> {
    const { fs, storagePath } = this.#options;
    const { source, marker } = this.#sources;
    await writeMarker(fs, storagePath, marker);
    await makeStoreDirectories(fs, storagePath);
    await this.#takeTombstones();
    for await (const batch of manifestsOf(source)) await this.#takeFiles(source, batch);
    const filesFromLog = await this.#takeLog();
    const lacked = await this.#lookAtHelpers();
    const counts = await this.#count();
    const lost: FileId[] = [];
    for (const id of this.#unreadable) if (!(await this.#isHere(id))) lost.push(id);
    const catalogSetAside = await this.#setCatalogAside();
    await writeIdentity(fs, storagePath, this.#identity);
    await removeMarker(fs, storagePath);
    return {
      sources: this.#sources,
      ...counts,
      filesFromLog,
      lacked,
      damaged: this.#taker.damaged,
      corrupt: [...this.#corrupt.values()],
      lost,
      failedStores: [...this.#failed].map(({ identity }) => identity.name),
      reachedLsn: this.#reachedLsn,
      catalogSetAside,
    };
  }

  get #helpers(): ReadableStore[] {
    return this.#sources.helpers.filter((helper) => !this.#failed.has(helper));
  }

  async #takeTombstones(): Promise<void> {
    const { source, helpers, log } = this.#sources;
    for (const store of [source, ...helpers]) {
      await this.#unlessFailed(async () => {
        for await (const { whole, corrupt } of tombstonesOf(store)) {
          this.#options.signal.throwIfAborted();
          for (const id of corrupt) {
            this.#deletedUnreadably.add(id);
            this.#noteCorrupt({ store: store.identity.name, kind: 'tombstone', id });
          }
          await this.#putTombstones(whole);
        }
      });
    }
    if (log.kind === 'usable') this.#reach(log.lastLsn);
    for await (const deletes of logDeletesOf(this.#options.fs, log)) await this.#putTombstones(deletes);
  }

  async #putTombstones(records: readonly { fileId: FileId; bytes: Buffer; lsn: Lsn }[]): Promise<void> {
    for (const { lsn: each } of records) this.#reach(each);
    await this.#target.putAll(records.map(({ fileId: id, bytes }) => ({ key: { kind: 'tombstone', id }, bytes })));
    // An earlier, interrupted rebuild may not have known of the delete.
    await this.#target.deleteAll(records.map(({ fileId: id }) => ({ kind: 'manifest', id })));
  }

  async #takeFiles(store: ReadableStore, { whole, corrupt }: Batch<StoredManifest>): Promise<StoredManifest[]> {
    this.#options.signal.throwIfAborted();
    for (const id of corrupt) {
      if (await this.#isDeleted(id)) continue;
      this.#noteCorrupt({ store: store.identity.name, kind: 'manifest', id });
      if (store === this.#sources.source) this.#unreadable.add(id);
    }
    const files: StoredManifest[] = [];
    for (const file of whole) if (!(await this.#isDeleted(file.fileId))) files.push(file);
    await this.#taker.take(files);
    for (const { lsn: each } of files) this.#reach(each);
    this.#files += files.length;
    return files;
  }

  async #takeLog(): Promise<number> {
    let taken = 0;
    for await (const files of logFilesOf(this.#options.fs, this.#sources.log)) {
      const unknown: StoredManifest[] = [];
      for (const file of files) {
        if (!(await this.#isHere(file.fileId))) unknown.push(file);
      }
      taken += (await this.#takeFiles(this.#target, { whole: unknown, corrupt: [] })).length;
    }
    return taken;
  }

  /** Names what only other stores have, and takes it where that was asked for; always where the source had a bad manifest. */
  async #lookAtHelpers(): Promise<LackedFile[]> {
    const lacked = new Map<FileId, LackedFile>();
    for (const helper of this.#helpers) {
      await this.#unlessFailed(async () => {
        const ids = this.#notHere(manifestsOnlyOn(helper, this.#target));
        for await (const { whole, corrupt } of manifestsOf(helper, ids)) {
          const unknown = whole.filter(({ fileId }) => !this.#unreadable.has(fileId));
          note(lacked, unknown, helper);
          const toTake = this.#options.others === 'taken' ? whole : whole.filter((file) => !unknown.includes(file));
          await this.#takeFiles(helper, { whole: toTake, corrupt });
        }
      });
    }
    return [...lacked.values()];
  }

  async *#notHere(ids: AsyncIterable<FileId>): AsyncGenerator<FileId> {
    for await (const id of ids) {
      if (!(await this.#isHere(id)) && !(await this.#isDeleted(id))) yield id;
    }
  }

  async #isHere(id: FileId): Promise<boolean> {
    return (await this.#target.has({ kind: 'manifest', id })) !== undefined;
  }

  async #isDeleted(id: FileId): Promise<boolean> {
    return this.#deletedUnreadably.has(id) || (await this.#target.has({ kind: 'tombstone', id })) !== undefined;
  }

  async #count(): Promise<{ files: number; tombstones: number }> {
    const files = await countOf(idsOf(this.#target, 'manifest'));
    return { files, tombstones: await countOf(idsOf(this.#target, 'tombstone')) };
  }

  async #setCatalogAside(): Promise<string | undefined> {
    if (this.#sources.catalog === 'missing') return undefined;
    return this.#options.catalogs.setAside(this.#options.clock.now());
  }

  async #unlessFailed(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof HelperFailure)) throw error;
      this.#fail(error);
    }
  }

  /** The source may not fail, nor the target; another store is done without. */
  #fail(failure: HelperFailure): void {
    if (this.#failed.has(failure.store)) return;
    this.#failed.add(failure.store);
    const facts = { store: failure.store.identity.name, err: failure };
    this.#options.log.warn(facts, 'a replica failed; what only it has is not known');
  }

  #noteCorrupt(object: CorruptObject): void {
    this.#corrupt.set(`${object.store} ${object.kind} ${object.id}`, object);
  }

  #reach(each: Lsn): void {
    this.#reachedLsn = lsn(Math.max(this.#reachedLsn, each));
  }

  #progress(bytes: number): void {
    this.#bytes += bytes;
    this.#options.progress({ files: this.#files, bytes: this.#bytes });
  }
}

function note(lacked: Map<FileId, LackedFile>, files: readonly StoredManifest[], store: ReadableStore): void {
  for (const { fileId, manifest } of files) {
    if (lacked.has(fileId)) continue;
    const { fileName, fileSize } = manifest;
    lacked.set(fileId, { fileId, fileName, sizeBytes: fileSize, on: store.identity.name });
  }
}

const LOOKS_AT_ONCE = 8;

/** One that has a tombstone on any of the stores is deleted, whether it can be read or not. */
async function* notDeleted(ids: AsyncIterable<FileId>, stores: readonly ReadableStore[]): AsyncGenerator<FileId> {
  for await (const id of ids) {
    let isDeleted = false;
    await forEachConcurrently(stores, LOOKS_AT_ONCE, async (store) => {
      if ((await store.has({ kind: 'tombstone', id })) !== undefined) isDeleted = true;
    });
    if (!isDeleted) yield id;
  }
}

async function countOf(ids: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of ids) count += 1;
  return count;
}
