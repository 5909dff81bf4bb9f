import { systemErrorCode } from '#libs/kernel';
import { dirname, join } from 'node:path';
import { pageOfNames } from '../../src/bulk-reads.js';
import type { FilesQuery, NamesPage, NamesQuery, SmallFile } from '../../src/bulk-reads.js';
import type { FileStat, FileSystem, OpenFile } from '../../src/file-system.js';
import { TEMPORARY_BESIDE } from '../../src/file-batch.js';
import type { FileRename, FileReplacement } from '../../src/file-batch.js';
import { CrashOpenFile } from './crash-open-file.js';
import { Disk } from './disk.js';
import type { FaultPlan } from './faults.js';
import type { InodeId } from './directory-names.js';
import { OperationGate, type BoundaryListener } from './operation-gate.js';

const DEFAULT_FREE_BYTES = 2 ** 40;
const DEFAULT_FREE_FILES = 2 ** 30;

/** The disk and its page cache at one instant; taken by `snapshot`, good for any number of `crashStates`. */
export interface DiskSnapshot {
  readonly disk: Disk;
}

/**
 * A `FileSystem` in memory that keeps apart what processes see and what is durable, so that a test can ask of every
 * instant of a run: if the power had gone now, which disks were possible (`crashStates`), and does the code recover
 * from each? The model errs on the side of losing more than ext4, xfs or btrfs would; it is described where it is
 * kept: content in `file-content.ts`, names in `name-journal.ts`, what survives in `crash-choices.ts`.
 *
 * Not modelled: permissions, links, a disk that fills by itself, the loss of bytes that were synced (see `rot`).
 */
export class CrashFileSystem implements FileSystem {
  readonly #disk: Disk;
  readonly #gate = new OperationGate();
  /** What `freeBytes` answers; writes do not lower it. */
  availableBytes = DEFAULT_FREE_BYTES;
  /** What `freeFiles` answers; files made do not lower it. */
  availableFiles = DEFAULT_FREE_FILES;

  /** An empty disk, or the disk of a snapshot with its un-synced operations, as a machine that never stopped has it. */
  constructor(options: { readonly now?: () => number; readonly snapshot?: DiskSnapshot } = {}) {
    this.#disk = options.snapshot?.disk.clone() ?? new Disk(options.now ?? Date.now);
  }

  // The port

  async openRead(path: string): Promise<OpenFile> {
    return this.#openExisting('openRead', path);
  }

  async openWrite(path: string): Promise<OpenFile> {
    return this.#openExisting('openWrite', path);
  }

  async create(path: string): Promise<OpenFile> {
    this.#gate.admit('create', path);
    const inode = this.#gate.mutate('create', path, () => this.#disk.createFile(path));
    return this.#handle(inode, path, 'write');
  }

  async createFiles(files: readonly FileReplacement[]): Promise<void> {
    for (const { path, bytes } of files) {
      const file = await this.create(path);
      await file.write(bytes, 0);
      await file.close();
    }
  }

  /** Three boundaries: the temporary empty, the temporary full, the rename. */
  async replaceFile(path: string, bytes: Uint8Array, temporaryPath: string): Promise<void> {
    this.#gate.admit('replaceFile', path);
    const disk = this.#disk;
    const step = <T>(effect: () => T): T => this.#gate.mutate('replaceFile', path, effect);
    const inode = step(() => {
      if (disk.find(temporaryPath) === undefined) return disk.createFile(temporaryPath);
      const existing = disk.fileOf(temporaryPath, 'open');
      disk.truncate(existing, 0, temporaryPath);
      return existing;
    });
    if (bytes.length > 0) step(() => disk.write(inode, bytes, { offset: 0, path: temporaryPath }));
    try {
      step(() => disk.rename(temporaryPath, path));
    } catch (error) {
      if (!this.#gate.isHalted) step(() => disk.unlink(temporaryPath));
      throw error;
    }
  }

  async renameFiles(renames: readonly FileRename[]): Promise<void> {
    for (const { from, to } of renames) await this.rename(from, to);
  }

  async sizesOf(paths: readonly string[]): Promise<(number | undefined)[]> {
    const stats = await Promise.all(paths.map((path) => this.stat(path)));
    return stats.map((stat) => stat?.sizeBytes);
  }

  async replaceFiles(files: readonly FileReplacement[], temporaryPath: string): Promise<void> {
    for (const { path, bytes } of files) await this.replaceFile(path, bytes, temporaryPath);
  }

  async refreshFiles(files: readonly FileReplacement[]): Promise<void> {
    for (const { path, bytes } of files) {
      const inode = this.#disk.find(path);
      const content = inode === undefined ? undefined : this.#disk.content(inode);
      if (inode === undefined || content === undefined || !content.view().equals(bytes)) {
        await this.replaceFile(path, bytes, join(dirname(path), TEMPORARY_BESIDE));
        continue;
      }
      this.#gate.admit('refreshFiles', path);
      this.#gate.mutate('refreshFiles', path, () => this.#disk.write(inode, bytes, { offset: 0, path }));
    }
  }

  async readFile(path: string): Promise<Buffer> {
    this.#gate.admit('readFile', path);
    const inode = this.#disk.fileOf(path, 'open');
    return Buffer.from(this.#disk.content(inode)?.view() ?? []);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#gate.admit('rename', to);
    this.#gate.mutate('rename', to, () => this.#disk.rename(from, to));
  }

  async unlink(path: string): Promise<void> {
    this.#gate.admit('unlink', path);
    this.#gate.mutate('unlink', path, () => this.#disk.unlink(path));
  }

  async makeDirectory(path: string): Promise<void> {
    this.#gate.admit('makeDirectory', path);
    const existing = this.#disk.find(path);
    if (existing !== undefined && this.#disk.isDirectory(existing)) return;
    this.#gate.mutate('makeDirectory', path, () => this.#disk.makeDirectory(path));
  }

  async readDirectory(path: string): Promise<string[]> {
    this.#gate.admit('readDirectory', path);
    return this.#disk.names(this.#disk.directoryOf(path, 'scandir'));
  }

  async readNames(path: string, query: NamesQuery): Promise<NamesPage> {
    const { names, next } = pageOfNames(await this.readDirectory(path), query);
    if (query.sizes === undefined) return { names, next };
    const stats = await Promise.all(names.map(async (name) => ({ name, stat: await this.stat(join(path, name)) })));
    const standing = stats.filter(({ stat }) => stat !== undefined);
    return { names: standing.map(({ name }) => name), sizes: standing.map(({ stat }) => stat!.sizeBytes), next };
  }

  async readFiles({ paths, maxBytes }: FilesQuery): Promise<SmallFile[]> {
    return Promise.all(
      paths.map(async (path): Promise<SmallFile> => {
        try {
          const bytes = await this.readFile(path);
          return bytes.length > maxBytes ? 'large' : bytes;
        } catch (error) {
          return systemErrorCode(error) === 'ENOENT' ? 'absent' : (error as Error);
        }
      }),
    );
  }

  async stat(path: string): Promise<FileStat | undefined> {
    this.#gate.admit('stat', path);
    const inode = this.#disk.find(path);
    if (inode === undefined) return undefined;
    return {
      sizeBytes: this.#disk.content(inode)?.sizeBytes ?? 0,
      isDirectory: this.#disk.isDirectory(inode),
      modifiedAtMs: this.#disk.modifiedAtMs(inode),
    };
  }

  async syncDirectory(path: string): Promise<void> {
    this.#gate.checkRunning('syncDirectory', path);
    const disk = this.#disk;
    const directory = disk.directoryOf(path, 'open');
    const covered = disk.sequence;
    await this.#gate.sync('syncDirectory', path, (result) => disk.endDirectorySync(directory, covered, result));
  }

  async syncFileSystem(path: string): Promise<void> {
    this.#gate.checkRunning('syncFileSystem', path);
    this.#disk.inodeOf(path, 'open');
    const covered = this.#disk.sequence;
    await this.#gate.sync('syncFileSystem', path, (result) => this.#disk.endFullSync(covered, result));
  }

  async freeBytes(path: string): Promise<number> {
    this.#gate.admit('freeBytes', path);
    this.#disk.inodeOf(path, 'statfs');
    return this.availableBytes;
  }

  async freeFiles(path: string): Promise<number> {
    this.#gate.admit('freeFiles', path);
    this.#disk.inodeOf(path, 'statfs');
    return this.availableFiles;
  }

  // Boundaries, faults and crashes

  /** How many mutating operations and syncs were done. */
  get operationCount(): number {
    return this.#gate.operationCount;
  }

  /** `listener` runs before each mutating operation and sync; it may take a `snapshot` or `halt` the machine. */
  onBoundary(listener: BoundaryListener): void {
    this.#gate.onBoundary(listener);
  }

  failNext(plan: FaultPlan): void {
    this.#gate.faults.add(plan);
  }

  clearFaults(): void {
    this.#gate.faults.clear();
  }

  snapshot(): DiskSnapshot {
    return { disk: this.#disk.clone() };
  }

  /** From now on every call on this file system and its handles throws `ENODEV`. */
  halt(): void {
    this.#gate.halt();
  }

  /** Ends the process but not the machine: all that was written is there for the next process, synced or not. */
  killed(): CrashFileSystem {
    this.halt();
    return new CrashFileSystem({ snapshot: this.snapshot() });
  }

  // Looking

  /** Path to size of all that a process sees; directories end in `/` and have size 0. */
  tree(): Record<string, number> {
    return treeOf(this.#disk);
  }

  /** The tree that is left if everything un-synced is lost. */
  durableTree(): Record<string, number> {
    return treeOf(this.#disk.afterCrash(new Map()));
  }

  /** The content that surely survives a power cut under this name; undefined where not even the name does. */
  durableBytes(path: string): Buffer | undefined {
    const disk = this.#disk.afterCrash(new Map());
    const inode = disk.find(path);
    const content = inode === undefined ? undefined : disk.content(inode);
    return content === undefined ? undefined : Buffer.from(content.view());
  }

  /** Inverts one synced byte, as a rotting medium does. */
  rot(path: string, offset: number): void {
    this.#disk.content(this.#disk.fileOf(path, 'open'))?.rot(offset);
  }

  #openExisting(operation: 'openRead' | 'openWrite', path: string): OpenFile {
    this.#gate.admit(operation, path);
    if (operation === 'openWrite') return this.#handle(this.#disk.fileOf(path, 'open'), path, 'write');
    return this.#handle(this.#disk.inodeOf(path, 'open'), path, 'read');
  }

  #handle(inode: InodeId, path: string, access: 'read' | 'write'): OpenFile {
    return new CrashOpenFile({ disk: this.#disk, gate: this.#gate, inode, path, access });
  }
}

function treeOf(disk: Disk): Record<string, number> {
  const entries = [...disk.walk()].map(({ path, inode }): [string, number] => {
    const content = disk.content(inode);
    return content === undefined ? [`${path}/`, 0] : [path, content.sizeBytes];
  });
  return Object.fromEntries(entries);
}
