/**
 * What apply writes into the primary: manifests and tombstones, atomic but not durable, because the log still has them.
 * Every name touched is remembered until `flush` has made it durable; only then may a checkpoint let the log forget. It is
 * noted after the change, not before: a flush between the two would take the note and miss the change.
 */
import type { FileSystem } from '#libs/durable-fs';
import { forEachConcurrently, systemErrorCode } from '#libs/kernel';
import { dirname } from 'node:path';
import type { DirectoryStore } from './directory-store.js';
import type { ObjectKey } from './store.js';

/** Above this many files one syncfs is cheaper than a sync each. */
const MAX_SINGLE_SYNCS = 256;
const MAX_SYNCS_IN_FLIGHT = 2;

export class AppliedObjects {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #store: DirectoryStore;
  /** Files whose content is not known durable. */
  #files = new Set<string>();
  /** Directories whose names are not known durable. */
  #directories = new Set<string>();

  constructor(fs: FileSystem, root: string, store: DirectoryStore) {
    this.#fs = fs;
    this.#root = root;
    this.#store = store;
  }

  /** Replaces the object, atomically; durable only after the next `flush`. */
  async write(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    const path = this.#store.pathOf(key);
    await this.#fs.replaceFile(path, bytes, this.#store.temporaryPath());
    this.#files.add(path);
    this.#directories.add(dirname(path));
  }

  /** Removes the object; durable only after the next `flush`. */
  async remove(key: ObjectKey): Promise<void> {
    const path = this.#store.pathOf(key);
    try {
      await this.#fs.unlink(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
    this.#files.delete(path);
    this.#directories.add(dirname(path));
  }

  /**
   * Makes durable all that was written or removed before the call. Where it throws, what reached the disk is unknown and
   * asking again proves nothing (Linux forgets a failed page): the caller keeps the log and never flushes again.
   */
  async flush(): Promise<void> {
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
