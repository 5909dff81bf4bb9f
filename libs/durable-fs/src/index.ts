export type { FilesQuery, NamesPage, NamesQuery, SmallFile } from './bulk-reads.js';
export { acquireDirectoryLock } from './directory-lock.js';
export type { DirectoryLock, LockHolder } from './directory-lock.js';
export { makeDirectoryDurably } from './durable-directory.js';
export { durableReplace } from './durable-replace.js';
export type { FileStat, FileSystem, OpenFile } from './file-system.js';
export { nodeFileSystem } from './node-file-system.js';
export { pooledFileSystem } from './pooled-file-system.js';
export type { FileRename, FileReplacement } from './file-batch.js';
