/**
 * Many objects of a directory made, or removed, durably. The order is that of one object, for all of them at once: every
 * temporary is synced before the first of them is renamed, and every directory is synced before the call returns. So no
 * name ever stands over bytes that a power cut can tear, and what has returned stays. docs/formats/store.md.
 *
 * No step of one object may overtake another's step behind the barrier; within a step there is no order.
 */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { forEachConcurrently, systemErrorCode, Turns } from '#libs/kernel';
import { dirname } from 'node:path';
import { SyncDoubt } from './sync-doubt.js';

/** Of one batch; what is synced at once shares a commit of the file system. */
const MAX_WRITES = 4;
/** Of all batches of one opened store: two jobs at once have half of the pool, and a disk that hangs holds no more. */
const MAX_SYNCS = 4;
/** Above this many files, or directories, one syncfs is cheaper than a sync each. */
export const MAX_SINGLE_SYNCS = 32;

export interface ObjectOnItsWay {
  readonly path: string;
  /** In the same file system; no other writer uses it. */
  readonly temporaryPath: string;
  readonly bytes: Uint8Array;
}

/** The file system of a store, and its root, by which a sync of all of it is asked for. */
export class StoreDisk {
  readonly fs: FileSystem;
  readonly root: string;
  readonly doubt: SyncDoubt;
  readonly #turns = new Turns(MAX_SYNCS);

  constructor(fs: FileSystem, root: string, doubt = new SyncDoubt()) {
    this.fs = fs;
    this.root = root;
    this.doubt = doubt;
  }

  syncAll(sinceNs?: bigint): Promise<void> {
    return this.doubt.watch(() => this.fs.syncFileSystem(this.root, sinceNs));
  }

  syncDirectory(path: string): Promise<void> {
    return this.doubt.watch(() => this.#turns.take(() => this.fs.syncDirectory(path)));
  }

  syncFile(file: OpenFile): Promise<void> {
    return this.doubt.watch(() => this.#turns.take(() => file.dataSync()));
  }
}

/**
 * Where it throws, any of the objects may be there, whole. A sync of the whole file system counts from the first write on: what
 * was lost of these objects may have been told to the sync of another batch, while this one was still writing.
 */
export async function writeDurably(disk: StoreDisk, objects: readonly ObjectOnItsWay[]): Promise<void> {
  const { fs } = disk;
  const sinceNs = process.hrtime.bigint();
  try {
    if (objects.length > MAX_SINGLE_SYNCS) await writeTemporaries(disk, { objects, sinceNs });
    else await forEachConcurrently(objects, MAX_WRITES, (object) => writeTemporary(disk, object));
    await fs.renameFiles(objects.map(({ temporaryPath, path }) => ({ from: temporaryPath, to: path })));
  } catch (error) {
    // On a full disk they would hold the very space that the next attempt needs.
    for (const { temporaryPath } of objects) await fs.unlink(temporaryPath).catch(() => undefined);
    throw error;
  }
  await syncNames(disk, { paths: objects.map(({ path }) => path), sinceNs });
}

/** What is not there is removed too: an earlier removal may have been cut off before its sync. */
export async function removeDurably(disk: StoreDisk, paths: readonly string[]): Promise<void> {
  const sinceNs = process.hrtime.bigint();
  for (const path of paths) {
    try {
      await disk.fs.unlink(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }
  await syncNames(disk, { paths, sinceNs });
}

export interface NamesToSync {
  readonly paths: readonly string[];
  /** When the first of them was made, or removed, by whoever asks; absent where it was not he. */
  readonly sinceNs?: bigint;
}

/** Makes durable that these names are there, or are not there. */
export async function syncNames(disk: StoreDisk, { paths, sinceNs }: NamesToSync): Promise<void> {
  const directories = new Set(paths.map((path) => dirname(path)));
  if (directories.size > MAX_SINGLE_SYNCS) await disk.syncAll(sinceNs);
  else await forEachConcurrently(directories, MAX_WRITES, (directory) => disk.syncDirectory(directory));
}

/** Not through the name alone: a file made and synced by its own handle tells its own write error. */
async function writeTemporary(disk: StoreDisk, { temporaryPath, bytes }: ObjectOnItsWay): Promise<void> {
  const file = await disk.fs.create(temporaryPath);
  try {
    await file.write(bytes, 0);
    await disk.syncFile(file);
  } finally {
    await file.close();
  }
}

interface ObjectsToWrite {
  readonly objects: readonly ObjectOnItsWay[];
  readonly sinceNs: bigint;
}

async function writeTemporaries(disk: StoreDisk, { objects, sinceNs }: ObjectsToWrite): Promise<void> {
  const temporaries = objects.map(({ temporaryPath, bytes }) => ({ path: temporaryPath, bytes }));
  await disk.fs.createFiles(temporaries);
  await disk.syncAll(sinceNs);
}
