import type { FilesQuery, NamesPage, NamesQuery, SmallFile } from './bulk-reads.js';
import type { FileRename, FileReplacement } from './file-batch.js';

/**
 * The file-system edge: everything below this interface is the operating system's, everything above it can be run on
 * the crash file system of `testing/`. An operation is durable only where its doc says so: a written byte needs
 * `dataSync` on its file, a created, renamed or removed name needs `syncDirectory` on its directory.
 *
 * Errors are Node.js system errors (`ENOENT`, `ENOSPC`, `EIO` …), unchanged.
 */
export interface FileSystem {
  /** Opens an existing file for reading. */
  openRead(path: string): Promise<OpenFile>;
  /** Opens an existing file for reading and writing. */
  openWrite(path: string): Promise<OpenFile>;
  /** Creates a file for reading and writing; fails with `EEXIST` where the name is taken. */
  create(path: string): Promise<OpenFile>;
  /** `create` and `write` of many small files, in their order; where it throws, the one that failed may be there in part. */
  createFiles(files: readonly FileReplacement[]): Promise<void>;
  /**
   * Replaces the content of a name by a temporary file and a rename, so that a reader or a killed process sees the old
   * bytes or the new. Not durable. `temporaryPath` must be on the same file system and is truncated if it exists.
   */
  replaceFile(path: string, bytes: Uint8Array, temporaryPath: string): Promise<void>;
  /**
   * `replaceFile` for many, in their order; where it throws, those before the failed one have happened. Like all calls,
   * two that are under way at once have no order between them; each needs a `temporaryPath` of its own.
   */
  replaceFiles(files: readonly FileReplacement[], temporaryPath: string): Promise<void>;
  /**
   * Like `replaceFiles`, but a file that holds just these bytes already is given them again in place. That is cheaper, and
   * enough to have a page written whose write-back failed unnoticed; the file's name is not written again. Another file
   * gets its name from `.new` in the same directory, so calls that are under way at once need directories of their own.
   */
  refreshFiles(files: readonly FileReplacement[]): Promise<void>;
  /** The whole content of a small file. */
  readFile(path: string): Promise<Buffer>;
  rename(from: string, to: string): Promise<void>;
  /** `rename` of many, in their order; where it throws, those before the failed one have happened. */
  renameFiles(renames: readonly FileRename[]): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Creates one directory; an existing one is not an error. */
  makeDirectory(path: string): Promise<void>;
  /** The names in a directory, unsorted. */
  readDirectory(path: string): Promise<string[]>;
  /** A page of the names in a directory, sorted; however large it is, the thread that asks has little to do. */
  readNames(path: string, query: NamesQuery): Promise<NamesPage>;
  /** The contents of many small files, by the index of the path; what is wrong with one of them is the answer for that one. */
  readFiles(query: FilesQuery): Promise<readonly SmallFile[]>;
  /** `undefined` where nothing has that name. */
  stat(path: string): Promise<FileStat | undefined>;
  /** `stat` of many, their sizes in bytes. */
  sizesOf(paths: readonly string[]): Promise<(number | undefined)[]>;
  /** Makes the names in a directory durable (fsync of the directory). */
  syncDirectory(path: string): Promise<void>;
  /**
   * Makes every write and every name on the file system that holds `path` durable (syncfs). An error is told once, to
   * whoever asks first: this fails also where another sync of this process has failed since `sinceNs` (`process.hrtime`),
   * when the caller began to write; since the call, where that is left out.
   */
  syncFileSystem(path: string, sinceNs?: bigint): Promise<void>;
  /** Bytes that an unprivileged process may still write on the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
  /** Files that may still be created there: free inodes; infinite where the file system does not count them. */
  freeFiles(path: string): Promise<number>;
}

export interface FileStat {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
  readonly modifiedAtMs: number;
}

export interface OpenFile {
  /** Reads into `target` from `position`; returns the count of bytes read, short only at the end of the file. */
  read(target: Uint8Array, position: number): Promise<number>;
  /** Writes all of `bytes` at `position`, or throws. */
  write(bytes: Uint8Array, position: number): Promise<void>;
  /** Makes the content and the size durable (fdatasync). */
  dataSync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}
