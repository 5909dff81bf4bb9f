/**
 * `nodeFileSystem` for disks that may not answer: every call goes through the thread pool, so that a mount whose server is
 * gone, or a disk that spins up, never holds the thread that asks. A call that touches only the kernel's caches costs some
 * sixty times as much; whoever has many of them on a disk that answers takes the other one.
 */
import { constants, fsync, open } from 'node:fs';
import { mkdir, readFile, rename, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { systemErrorCode } from '#libs/kernel';
import type { FileSystem, OpenFile } from './file-system.js';
import { MANY_FROM, nodeFileSystem } from './node-file-system.js';
import { NodeOpenFile } from './node-open-file.js';

const openAsync = promisify(open);
const fsyncAsync = promisify(fsync);

export const pooledFileSystem: FileSystem = {
  ...nodeFileSystem,
  openRead: (path) => openFile(path, constants.O_RDONLY),
  openWrite: (path) => openFile(path, constants.O_RDWR),
  create: (path) => openFile(path, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL),
  readFile: (path) => readFile(path),
  rename: (from, to) => rename(from, to),

  async renameFiles(renames) {
    if (renames.length < MANY_FROM) for (const { from, to } of renames) await rename(from, to);
    else await nodeFileSystem.renameFiles(renames);
  },

  async sizesOf(paths) {
    if (paths.length >= MANY_FROM) return nodeFileSystem.sizesOf(paths);
    const sizes: (number | undefined)[] = [];
    // One after the other: a disk that hangs holds one thread of the pool then, and not one for every name.
    for (const path of paths) sizes.push((await pooledFileSystem.stat(path))?.sizeBytes);
    return sizes;
  },

  async makeDirectory(path) {
    try {
      await mkdir(path);
    } catch (error) {
      if (systemErrorCode(error) !== 'EEXIST' || !(await stat(path)).isDirectory()) throw error;
    }
  },

  async stat(path) {
    try {
      const found = await stat(path);
      return { sizeBytes: found.size, isDirectory: found.isDirectory(), modifiedAtMs: found.mtimeMs };
    } catch (error) {
      // As `throwIfNoEntry` has it.
      if (['ENOENT', 'ENOTDIR'].includes(systemErrorCode(error) ?? '')) return undefined;
      throw error;
    }
  },

  async syncDirectory(path) {
    const descriptor = await openAsync(path, constants.O_RDONLY | constants.O_DIRECTORY);
    const directory = new NodeOpenFile(descriptor, path);
    try {
      await fsyncAsync(descriptor);
    } finally {
      await directory.close();
    }
  },
};

async function openFile(path: string, flags: number): Promise<OpenFile> {
  return new NodeOpenFile(await openAsync(path, flags, 0o666), path);
}
