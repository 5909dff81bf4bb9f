/**
 * The manifests of deleted files, kept on the primary until `GC_GRACE` has passed: as long as the chunks are there too, an
 * undelete can bring the file back. A delete renames the manifest to `deleted/<last 2 hex>/<file_id>.<deleted_at>`, which
 * costs what an unlink does, and the name alone says when it may go, so that nothing has to be read to clear up.
 *
 * Contents are not synced and nothing rests on them: what a power cut takes costs an undelete, never a file. Nor can it
 * bring one back: the tombstone stands, and no listing, no rebuild and no read looks here.
 */
import type { FileSystem } from '#libs/durable-fs';
import { isDiskFull, isFileId, systemErrorCode } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { dirname } from 'node:path';
import type { DirectoryStore } from './directory-store.js';
import { DELETED_DIRECTORY, shardedName, SHARDS } from './store-layout.js';

export interface DeletedFile {
  readonly fileId: FileId;
  /** When the delete was logged. */
  readonly deletedAtMs: number;
}

export interface DeletedPage {
  readonly files: readonly DeletedFile[];
  /** To be passed as `after`; undefined where this was the last page. */
  readonly next: string | undefined;
}

export class DeletedManifests {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #store: DirectoryStore;

  constructor(fs: FileSystem, root: string, store: DirectoryStore) {
    this.#fs = fs;
    this.#root = root;
    this.#store = store;
  }

  /** Makes the directories that are missing, durably; at boot. A full disk does without: deletes then keep nothing. */
  async prepare(): Promise<void> {
    const directory = `${this.#root}/${DELETED_DIRECTORY}`;
    const made = new Set(await this.#namesIn(directory));
    const missing = SHARDS.filter((shard) => !made.has(shard));
    if (missing.length === 0) return;
    try {
      await this.#fs.makeDirectory(directory);
      for (const shard of missing) await this.#fs.makeDirectory(`${directory}/${shard}`);
      await this.#fs.syncDirectory(directory);
      await this.#fs.syncDirectory(this.#root);
    } catch (error) {
      if (!isDiskFull(error)) throw error;
    }
  }

  /**
   * Moves the file's manifest here. One that is not there is no error: a replay meets deletes that have been applied.
   * Answers with the directories that must be synced before it is durable that the manifest is gone: a rename may be
   * decided by where it went, also one that a killed process has made.
   */
  async take(file: DeletedFile): Promise<readonly string[]> {
    const manifestPath = this.#store.pathOf({ kind: 'manifest', id: file.fileId });
    const path = this.#pathOf(file);
    const directories = [dirname(manifestPath), dirname(path)];
    try {
      await this.#fs.rename(manifestPath, path);
      return directories;
    } catch {
      // A full disk may have no block for one more name, and a delete must succeed on it: better nothing is kept. Whatever
      // else was wrong, the unlink meets too, and says it.
    }
    await this.#unlink(manifestPath);
    const isThere = (await this.#fs.stat(dirname(path))) !== undefined;
    return isThere ? directories : directories.slice(0, 1);
  }

  /** The latest delete of that file whose manifest is here. */
  async find(fileId: FileId): Promise<DeletedFile | undefined> {
    const names = await this.#namesIn(this.#shardOf(fileId));
    const deletes = names.flatMap((name) => parseName(name) ?? []).filter((file) => file.fileId === fileId);
    return deletes.sort((left, right) => left.deletedAtMs - right.deletedAtMs).at(-1);
  }

  /** The manifest's bytes, unverified, or undefined where it has gone. */
  async read(file: DeletedFile): Promise<Buffer | undefined> {
    try {
      return await this.#fs.readFile(this.#pathOf(file));
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Removes it for good; one that is not there is no error. */
  async remove(file: DeletedFile): Promise<void> {
    await this.#unlink(this.#pathOf(file));
  }

  /** In the order of their names, as a listing of the store is. */
  async page({
    after = '',
    limit,
  }: {
    readonly after?: string | undefined;
    readonly limit: number;
  }): Promise<DeletedPage> {
    const files: DeletedFile[] = [];
    let last = after;
    for (const shard of SHARDS) {
      if (shard < after.slice(0, 2)) continue;
      const names = (await this.#namesIn(`${this.#root}/${DELETED_DIRECTORY}/${shard}`)).sort();
      for (const name of names) {
        const file = parseName(name);
        if (file === undefined || `${shard}/${name}` <= after) continue;
        if (files.length === limit) return { files, next: last };
        files.push(file);
        last = `${shard}/${name}`;
      }
    }
    return { files, next: undefined };
  }

  #shardOf(fileId: FileId): string {
    return `${this.#root}/${DELETED_DIRECTORY}/${fileId.slice(-2)}`;
  }

  #pathOf({ fileId, deletedAtMs }: DeletedFile): string {
    return `${this.#root}/${DELETED_DIRECTORY}/${shardedName({ kind: 'manifest', id: fileId })}.${deletedAtMs}`;
  }

  /** None where the directory is not there. */
  async #namesIn(directory: string): Promise<string[]> {
    try {
      return await this.#fs.readDirectory(directory);
    } catch (error) {
      if (systemErrorCode(error) === 'ENOENT') return [];
      throw error;
    }
  }

  async #unlink(path: string): Promise<void> {
    try {
      await this.#fs.unlink(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
}

const NAME = /^(?<id>.{36})\.(?<deletedAt>\d{1,16})$/;

function parseName(name: string): DeletedFile | undefined {
  const { id, deletedAt } = NAME.exec(name)?.groups ?? {};
  if (id === undefined || !isFileId(id)) return undefined;
  return { fileId: id, deletedAtMs: Number(deletedAt) };
}
