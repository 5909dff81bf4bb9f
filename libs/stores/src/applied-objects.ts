/**
 * What apply writes into the primary: manifests and tombstones, atomic but not durable, because the log still has them.
 * Every name touched is remembered until `flush` has made it durable; only then may a checkpoint let the log forget. It is
 * noted after the change, not before: a flush between the two would take the note and miss the change.
 */
import type { FileReplacement, FileSystem } from '#libs/durable-fs';
import { forEachConcurrently, systemErrorCode } from '#libs/kernel';
import { join } from 'node:path';
import type { DeletedFile, DeletedManifests } from './deleted-manifests.js';
import type { DirectoryStore } from './directory-store.js';
import type { ObjectKey } from './store.js';
import { FLUSH_FAILED_FILE } from './store-layout.js';
import type { SyncDoubt } from './sync-doubt.js';

/** Above this many files one syncfs is cheaper than a sync each. */
const MAX_SINGLE_SYNCS = 256;
const MAX_SYNCS_IN_FLIGHT = 2;
/** Below this the second call costs more than it saves. */
const TWO_CALLS_FROM = 64;

export interface AppliedObject {
  readonly key: ObjectKey;
  readonly bytes: Uint8Array;
}

interface AppliedParts {
  readonly store: DirectoryStore;
  readonly deleted: DeletedManifests;
  /** Of the store: an upload may have made names that the failed flush took along. */
  readonly doubt: SyncDoubt;
}

export class AppliedObjects {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #store: DirectoryStore;
  readonly #deleted: DeletedManifests;
  /** Files whose content is not known durable. */
  #files = new Set<string>();
  /** Directories whose names are not known durable. */
  #directories = new Set<string>();

  readonly #syncDoubt: SyncDoubt;
  readonly #doubtPath: string;
  /** Whose flush has failed; an inherited doubt ends with a flush behind a replay, an own one with the process. */
  #doubt: 'none' | 'inherited' | 'own' = 'none';

  constructor(fs: FileSystem, root: string, { store, deleted, doubt }: AppliedParts) {
    this.#fs = fs;
    this.#doubtPath = join(root, FLUSH_FAILED_FILE);
    this.#root = root;
    this.#store = store;
    this.#deleted = deleted;
    this.#syncDoubt = doubt;
  }

  /** Replaces the object, atomically; durable only after the next `flush`. */
  async write(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    await this.writeAll([{ key, bytes }]);
  }

  /** `write` for many, in their order. Where it throws, those before the failed one have been replaced. */
  async writeAll(objects: readonly AppliedObject[]): Promise<void> {
    const files = objects.map(({ key, bytes }) => this.#replacement(key, bytes));
    await this.#fs.replaceFiles(files, this.#store.temporaryPath());
    this.#note(files);
  }

  /**
   * Like `writeAll`, for objects that most likely stand there already: a replay meets what was applied before the stop. Their
   * bytes are written again all the same, because what a page cache shows after a failed write-back is on no disk. Many
   * are written by two calls at once; those of one directory keep their order.
   */
  async refreshAll(objects: readonly AppliedObject[]): Promise<void> {
    const files = objects.map(({ key, bytes }) => this.#replacement(key, bytes));
    const parts = inTwoParts(files).map((part) =>
      this.#doubt === 'none' ? this.#fs.refreshFiles(part) : this.#fs.replaceFiles(part, this.#store.temporaryPath()),
    );
    // Both, whatever becomes of one: a part still under way would write behind the next attempt, or behind a stop.
    const outcomes = await Promise.allSettled(parts);
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
    this.#note(files);
  }

  /**
   * Takes the manifest of a deleted file away, to where an undelete finds it; that it is gone is durable only after the
   * next `flush`, and where it has gone to is nobody's promise.
   */
  async retire(file: DeletedFile): Promise<void> {
    const path = this.#store.pathOf({ kind: 'manifest', id: file.fileId });
    const directories = await this.#deleted.take(file);
    this.#files.delete(path);
    for (const directory of directories) this.#directories.add(directory);
  }

  /**
   * Makes durable all that was written or removed before the call. Where it throws, what reached the disk is unknown and
   * asking again proves nothing (Linux forgets a failed page): the caller keeps the log and never flushes again.
   */
  async flush(): Promise<void> {
    try {
      await this.#flush();
    } catch (error) {
      await this.raiseDoubt();
      throw error;
    }
    if (this.#doubt === 'inherited') await this.#settleDoubt();
  }

  /**
   * Looks whether an earlier process failed to flush; before the first `refreshAll`. A name whose sync failed is still
   * shown, and a later sync of its directory says yes without having written it: only a new rename is believed then.
   */
  async lookForDoubt(): Promise<void> {
    this.#doubt = (await this.#fs.stat(this.#doubtPath)) === undefined ? 'none' : 'inherited';
    // Errors that nobody has been told of yet would be told to the flush behind the replay, although all is written again.
    if (this.#doubt === 'inherited') await this.#fs.syncFileSystem(this.#root).catch(() => undefined);
  }

  /**
   * To be called also where somebody else was told that this file system lost a write. Need not be durable: a machine that
   * has restarted shows what is on its disk, and then there is nothing to doubt.
   */
  async raiseDoubt(): Promise<void> {
    this.#doubt = 'own';
    this.#syncDoubt.raise();
    const file = await this.#fs.create(this.#doubtPath).catch(() => undefined);
    await file?.close();
  }

  async #settleDoubt(): Promise<void> {
    await this.#fs.unlink(this.#doubtPath).catch(() => undefined);
    this.#doubt = 'none';
  }

  async #flush(): Promise<void> {
    const files = this.#files;
    const directories = this.#directories;
    this.#files = new Set();
    this.#directories = new Set();
    if (files.size > MAX_SINGLE_SYNCS) {
      await this.#fs.syncFileSystem(this.#root);
      return;
    }
    await forEachConcurrently(files, MAX_SYNCS_IN_FLIGHT, (path) => this.#syncFile(path));
    await forEachConcurrently(directories, MAX_SYNCS_IN_FLIGHT, (path) => this.#fs.syncDirectory(path));
  }

  #replacement(key: ObjectKey, bytes: Uint8Array): FileReplacement {
    return { path: this.#store.pathOf(key), bytes };
  }

  #note(files: readonly FileReplacement[]): void {
    for (const { path } of files) {
      this.#files.add(path);
      this.#directories.add(path.slice(0, path.lastIndexOf('/')));
    }
  }

  async #syncFile(path: string): Promise<void> {
    let file;
    try {
      file = await this.#fs.openRead(path);
    } catch (error) {
      // Removed since: the removal itself is then on the list of the next flush.
      if (systemErrorCode(error) === 'ENOENT') return;
      throw error;
    }
    try {
      await file.dataSync();
    } finally {
      await file.close();
    }
  }
}

/** By directory, so that two objects of one name stay in one part, in order, and no two calls create names in one place. */
function inTwoParts(files: readonly FileReplacement[]): FileReplacement[][] {
  if (files.length < TWO_CALLS_FROM) return [[...files]];
  const even: FileReplacement[] = [];
  const odd: FileReplacement[] = [];
  for (const file of files) {
    const directoryEnd = file.path.lastIndexOf('/');
    (file.path.charCodeAt(directoryEnd - 1) % 2 === 0 ? even : odd).push(file);
  }
  return [even, odd];
}
