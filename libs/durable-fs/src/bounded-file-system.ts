/**
 * A file system of which at most so many calls are under way at once. A call through the thread pool holds a thread until
 * its disk answers: one that never answers would soon hold them all, and the log could not sync.
 */
import { Turns } from '#libs/kernel';
import type { FileSystem, OpenFile } from './file-system.js';

export function boundedFileSystem(fs: FileSystem, maxCalls: number): FileSystem {
  const turns = new Turns(maxCalls);
  const opened = async (open: () => Promise<OpenFile>): Promise<OpenFile> => boundedFile(await turns.take(open), turns);
  return {
    openRead: (path) => opened(() => fs.openRead(path)),
    openWrite: (path) => opened(() => fs.openWrite(path)),
    create: (path) => opened(() => fs.create(path)),
    createFiles: (files) => turns.take(() => fs.createFiles(files)),
    replaceFile: (path, bytes, temporaryPath) => turns.take(() => fs.replaceFile(path, bytes, temporaryPath)),
    replaceFiles: (files, temporaryPath) => turns.take(() => fs.replaceFiles(files, temporaryPath)),
    refreshFiles: (files) => turns.take(() => fs.refreshFiles(files)),
    readFile: (path) => turns.take(() => fs.readFile(path)),
    rename: (from, to) => turns.take(() => fs.rename(from, to)),
    renameFiles: (renames) => turns.take(() => fs.renameFiles(renames)),
    unlink: (path) => turns.take(() => fs.unlink(path)),
    makeDirectory: (path) => turns.take(() => fs.makeDirectory(path)),
    readDirectory: (path) => turns.take(() => fs.readDirectory(path)),
    readNames: (path, query) => turns.take(() => fs.readNames(path, query)),
    readFiles: (query) => turns.take(() => fs.readFiles(query)),
    stat: (path) => turns.take(() => fs.stat(path)),
    sizesOf: (paths) => turns.take(() => fs.sizesOf(paths)),
    syncDirectory: (path) => turns.take(() => fs.syncDirectory(path)),
    syncFileSystem: (path, sinceNs) => turns.take(() => fs.syncFileSystem(path, sinceNs)),
    freeBytes: (path) => turns.take(() => fs.freeBytes(path)),
    freeFiles: (path) => turns.take(() => fs.freeFiles(path)),
  };
}

function boundedFile(file: OpenFile, turns: Turns): OpenFile {
  return {
    read: (target, position) => turns.take(() => file.read(target, position)),
    write: (bytes, position) => turns.take(() => file.write(bytes, position)),
    dataSync: () => turns.take(() => file.dataSync()),
    truncate: (sizeBytes) => turns.take(() => file.truncate(sizeBytes)),
    size: () => turns.take(() => file.size()),
    // It waits for the calls above, so it takes no turn from them.
    close: () => file.close(),
  };
}
