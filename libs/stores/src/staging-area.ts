/**
 * Chunks of uploads under way: staged, synced, and only then, after the log has been told, published under their own
 * names. Staging is disposable: nothing in it was ever promised, and boot empties it.
 */
import type { FileSystem } from '#libs/durable-fs';
import { forEachConcurrently, Turns } from '#libs/kernel';
import type { ChunkEntry, ChunkId, FileId } from '#libs/kernel';
import { dirname, join } from 'node:path';
import type { ChunkGuard } from './chunk-guard.js';
import type { DirectoryStore } from './directory-store.js';
import { FileDigest } from './file-digest.js';
import { STAGING_DIRECTORY } from './store-layout.js';
import type { SyncDoubt } from './sync-doubt.js';

/** A part of the thread pool, so that the log's fdatasync never waits behind these. */
const MAX_DIRECTORY_SYNCS = 2;

/**
 * Chunks of all uploads together that are written and synced at a time: half of the thread pool, so that however many
 * uploads are under way, the log's fdatasync does not wait behind theirs.
 */
const MAX_CHUNK_WRITES = 8;

export interface StagedChunk {
  readonly entry: ChunkEntry;
  readonly stagedPath: string;
}

export interface StagingParts {
  readonly store: DirectoryStore;
  readonly guard: ChunkGuard;
  /** Of the store. */
  readonly doubt: SyncDoubt;
}

export class StagingArea {
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #store: DirectoryStore;
  readonly #guard: ChunkGuard;
  readonly #doubt: SyncDoubt;
  readonly #writes = new Turns(MAX_CHUNK_WRITES);
  #serial = 0;

  constructor(fs: FileSystem, root: string, { store, guard, doubt }: StagingParts) {
    this.#fs = fs;
    this.#root = root;
    this.#store = store;
    this.#guard = guard;
    this.#doubt = doubt;
  }

  /** Writes and syncs the next chunk of a file, whose digest this adds to; `bytes` may be reused on return. */
  async stage(bytes: Buffer, file = new FileDigest()): Promise<StagedChunk> {
    this.#serial += 1;
    const stagedPath = join(this.#root, STAGING_DIRECTORY, `chunk-${this.#serial}.tmp`);
    const digesting = file.add(bytes);
    // Where the write fails, that is the error; a digest that ends later reads what nobody needs.
    digesting.catch(() => undefined);
    // To its end in any case: the memory is somebody else's afterwards.
    await this.#writes.take(() => this.#write(stagedPath, bytes));
    const entry = { lengthBytes: bytes.length, storedBytes: bytes.length };
    try {
      const { sha256, checksum } = await digesting;
      return { entry: { ...entry, chunkId: sha256 as ChunkId, checksum }, stagedPath };
    } catch (error) {
      await this.#fs.unlink(stagedPath).catch(() => undefined);
      throw error;
    }
  }

  /**
   * Renames staged chunks over their own names, whether something stood there or not, and syncs every directory touched:
   * an acknowledgement never rests on bytes that this upload did not sync itself, and a rotten chunk heals.
   *
   * Before the first rename the chunks are pinned for the file, also where this then fails; whoever learns what became of
   * the file's record ends that.
   */
  async publish(fileId: FileId, chunks: readonly StagedChunk[]): Promise<void> {
    await this.#guard.pin(
      fileId,
      chunks.map(({ entry }) => entry.chunkId),
    );
    const mark = this.#doubt.mark();
    const directories = new Set<string>();
    for (const { entry, stagedPath } of chunks) {
      const path = this.#store.pathOf({ kind: 'chunk', id: entry.chunkId });
      await this.#fs.rename(stagedPath, path);
      directories.add(dirname(path));
    }
    await forEachConcurrently(directories, MAX_DIRECTORY_SYNCS, (directory) =>
      this.#doubt.watch(() => this.#fs.syncDirectory(directory)),
    );
    // Another one's sync that failed between the rename and the sync of here has lost the name, and nobody else was told.
    this.#doubt.assertNoneSince(mark);
  }

  /** Removes what is still staged of chunks that will not be used. Never throws: what stays is boot's to remove. */
  async discard(chunks: readonly StagedChunk[]): Promise<void> {
    for (const { stagedPath } of chunks) await this.#fs.unlink(stagedPath).catch(() => undefined);
  }

  /** Removes all that a stopped process left; only at boot. Returns how many files there were. */
  async empty(): Promise<number> {
    const directory = join(this.#root, STAGING_DIRECTORY);
    const names = await this.#fs.readDirectory(directory);
    for (const name of names) await this.#fs.unlink(join(directory, name));
    return names.length;
  }

  async #write(path: string, bytes: Buffer): Promise<void> {
    const file = await this.#fs.create(path);
    try {
      await file.write(bytes, 0);
      await file.dataSync();
    } catch (error) {
      await this.#fs.unlink(path).catch(() => undefined);
      throw error;
    } finally {
      await file.close();
    }
  }
}
