import {
  closeSync,
  constants,
  fsync,
  mkdirSync,
  openSync,
  readdir,
  readFileSync,
  renameSync,
  statfs,
  statSync,
  unlink,
} from 'node:fs';
import { stat as statAsync } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from '#libs/kernel';
import { readFiles, readNames, sizesOf } from './bulk-reads.js';
import { FileSystemSync } from './file-system-sync.js';
import type { FileSystemSyncs } from './file-system-sync.js';
import type { FileStat, FileSystem, OpenFile } from './file-system.js';
import { NodeOpenFile } from './node-open-file.js';
import { renameFiles, replaceFiles } from './file-batch.js';

/** Below this the way to a thread of their own, which may have to be started, takes longer than the calls. */
export const MANY_FROM = 16;

/** Those of this thread, and of every other one that is given a channel to them. */
export const fileSystemSync = new FileSystemSync();
const fsyncAsync = promisify(fsync);
const readdirAsync = promisify(readdir);
const statfsAsync = promisify(statfs);
const unlinkAsync = promisify(unlink);

/**
 * The `FileSystem` of the operating system.
 *
 * Which calls block: the ones that touch names and small files in the kernel's caches are synchronous, because a
 * cached open, read and close takes about 1.5 µs so and about 90 µs through the thread pool, more of it on the main
 * thread than the system call itself. Calls that move many bytes, free many blocks or wait for the disk go through
 * the pool. Being `async`, the synchronous ones too report failure by rejection.
 */
export const nodeFileSystem: FileSystem = {
  async openRead(path) {
    return open(path, constants.O_RDONLY);
  },

  async openWrite(path) {
    return open(path, constants.O_RDWR);
  },

  async create(path) {
    return open(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL);
  },

  async createFiles(files) {
    await replaceFiles({ files, mode: 'create' });
  },

  async replaceFile(path, bytes, temporaryPath) {
    await replaceFiles({ files: [{ path, bytes }], temporaryPath, mode: 'replace' });
  },

  async replaceFiles(files, temporaryPath) {
    await replaceFiles({ files, temporaryPath, mode: 'replace' });
  },

  async refreshFiles(files) {
    await replaceFiles({ files, mode: 'refresh' });
  },

  async readFile(path) {
    return readFileSync(path);
  },

  async rename(from, to) {
    renameSync(from, to);
  },

  async renameFiles(renames) {
    if (renames.length < MANY_FROM) for (const { from, to } of renames) renameSync(from, to);
    else await renameFiles(renames);
  },

  async unlink(path) {
    await unlinkAsync(path);
  },

  async makeDirectory(path) {
    try {
      mkdirSync(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST' || !statSync(path).isDirectory()) throw error;
    }
  },

  async readDirectory(path) {
    return readdirAsync(path);
  },

  readNames,

  readFiles,

  async stat(path): Promise<FileStat | undefined> {
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return undefined;
    return { sizeBytes: stat.size, isDirectory: stat.isDirectory(), modifiedAtMs: stat.mtimeMs };
  },

  async sizesOf(paths) {
    if (paths.length >= MANY_FROM) return sizesOf(paths);
    return paths.map((path) => statSync(path, { throwIfNoEntry: false })?.size);
  },

  async syncDirectory(path) {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await fsyncAsync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  },

  /**
   * Node.js has no syncfs(2), so the `sync` of coreutils or busybox makes the call. Linux (5.8 and later) tells it of a
   * write-back that failed and that no other syncfs by a descriptor of its own was told of. All of this process go through
   * `fileSystemSync`, which passes on what one of them was told; what another process was told stays with that one.
   */
  syncFileSystem: (path, sinceNs) => syncBy(fileSystemSync, { path, sinceNs }),

  async freeBytes(path) {
    const { bavail, bsize } = await statfsAsync(path);
    return bavail * bsize;
  },

  async freeFiles(path) {
    const { files, ffree } = await statfsAsync(path);
    // btrfs and others make inodes as they need them, and say that they have none.
    return files === 0 ? Number.POSITIVE_INFINITY : ffree;
  },
};

/** The same file system, whose syncs of all of it are made elsewhere: in a thread that shares those of its process. */
export function syncingBy(syncs: FileSystemSyncs, fs: FileSystem): FileSystem {
  return { ...fs, syncFileSystem: (path, sinceNs) => syncBy(syncs, { path, sinceNs }) };
}

async function syncBy(
  syncs: FileSystemSyncs,
  { path, sinceNs }: { readonly path: string; readonly sinceNs: bigint | undefined },
): Promise<void> {
  const { dev: device } = await statAsync(path);
  await syncs.run({ path, device, sinceNs });
}

function open(path: string, flags: number): OpenFile {
  return new NodeOpenFile(openSync(path, flags), path);
}
