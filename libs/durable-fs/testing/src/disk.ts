import { posix } from 'node:path';
import { systemError } from '../../src/system-error.js';
import { FileContent, type ContentOperation } from './file-content.js';
import type { InodeId, NameChange } from './directory-names.js';
import { NameJournal, type NameOperation } from './name-journal.js';
import { SharedMap } from './shared-map.js';
import type { CrashOutcome } from './survival.js';

const ROOT: InodeId = 0;

/** A relative path, or one with `.`, `..`, an empty name or a slash at its end. */
const UNRESOLVED = /^[^/]|\/(?:\/|\.\.?(?:\/|$))|.\/$|^$/;

export type UndecidedOperation = ContentOperation | NameOperation;

const NOTHING: readonly never[] = [];

interface Place {
  readonly directory: InodeId;
  readonly name: string;
  readonly inode: InodeId | undefined;
}

/**
 * One in-memory disk with its page cache: inodes, names and the un-synced operations on both, numbered in one sequence.
 * It is the synchronous half of the crash file system and knows nothing of handles, faults or boundaries. Paths are
 * absolute; relative ones count from `/`, which always exists.
 */
export class Disk {
  #files = new Map<InodeId, FileContent>();
  #names = new NameJournal();
  #modifiedAtMs = new SharedMap<InodeId, number>();
  #nextInode = ROOT + 1;
  #sequence = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
    this.#names.addDirectory(ROOT);
  }

  /** The number of the last operation: a sync covers those up to the one that was last when it was called. */
  get sequence(): number {
    return this.#sequence;
  }

  /** A copy with all that is un-synced; files that only a handle still holds are left behind. */
  clone(): Disk {
    const clone = this.#successor(this.#names.clone());
    const referenced = this.#names.referenced();
    for (const [inode, content] of this.#files) if (referenced.has(inode)) clone.#files.set(inode, content.clone());
    return clone;
  }

  afterCrash(outcome: CrashOutcome): Disk {
    const disk = this.#successor(NameJournal.durable(this.#names.afterCrash(outcome)));
    for (const { inode } of disk.walk()) {
      const content = this.#files.get(inode);
      if (content !== undefined) disk.#files.set(inode, FileContent.durable(content.afterCrash(outcome)));
    }
    return disk;
  }

  /** The operations that a power cut may lose, oldest first; those on files without any name are left out. */
  undecided(): UndecidedOperation[] {
    const referenced = this.#names.referenced();
    const onContent = [...this.#files].flatMap(([inode, file]) => (referenced.has(inode) ? file.undecided : []));
    return [...this.#names.undecided, ...onContent].sort((left, right) => left.sequence - right.sequence);
  }

  /** Everything that can be reached from `/`, depth first in name order, without `/` itself. */
  *walk(directory: InodeId = ROOT): Generator<{ path: string; inode: InodeId }> {
    const toVisit = [...this.#children(directory, '')];
    for (let entry = toVisit.pop(); entry !== undefined; entry = toVisit.pop()) {
      yield entry;
      for (const child of this.#children(entry.inode, entry.path)) toVisit.push(child);
    }
  }

  isDirectory(inode: InodeId): boolean {
    return this.#names.entries(inode) !== undefined;
  }

  modifiedAtMs(inode: InodeId): number {
    return this.#modifiedAtMs.get(inode) ?? 0;
  }

  /** The content behind an inode, which outlives its names as long as a handle holds it. */
  content(inode: InodeId): FileContent | undefined {
    return this.#files.get(inode);
  }

  find(path: string): InodeId | undefined {
    try {
      return this.#locate(path, 'stat').inode;
    } catch {
      return undefined;
    }
  }

  inodeOf(path: string, syscall: string): InodeId {
    const { inode } = this.#locate(path, syscall);
    if (inode === undefined) throw systemError('ENOENT', { syscall, path });
    return inode;
  }

  fileOf(path: string, syscall: string): InodeId {
    const inode = this.inodeOf(path, syscall);
    if (this.isDirectory(inode)) throw systemError('EISDIR', { syscall, path });
    return inode;
  }

  directoryOf(path: string, syscall: string): InodeId {
    const inode = this.inodeOf(path, syscall);
    if (!this.isDirectory(inode)) throw systemError('ENOTDIR', { syscall, path });
    return inode;
  }

  names(directory: InodeId): string[] {
    return [...(this.#names.entries(directory)?.keys() ?? [])];
  }

  createFile(path: string): InodeId {
    const place = this.#free(path, 'open');
    const inode = this.#nextInode++;
    this.#files.set(inode, new FileContent());
    this.#change(`create(${path})`, place.directory, [{ ...place, inode }]);
    return inode;
  }

  makeDirectory(path: string): void {
    const place = this.#free(path, 'mkdir');
    const inode = this.#nextInode++;
    this.#names.addDirectory(inode);
    this.#change(`mkdir(${path})`, place.directory, [{ ...place, inode }]);
  }

  unlink(path: string): void {
    this.fileOf(path, 'unlink');
    const place = this.#locate(path, 'unlink');
    this.#change(`unlink(${path})`, place.directory, [{ ...place, inode: undefined }]);
  }

  rename(from: string, to: string): void {
    const inode = this.inodeOf(from, 'rename');
    const source = this.#locate(from, 'rename');
    const target = this.#locate(to, 'rename');
    if (target.inode === inode) return;
    this.#checkReplacement(inode, target, to);
    this.#checkNotInside(source, target, to);
    this.#change(`rename(${from}, ${to})`, target.directory, [
      { ...source, inode: undefined },
      { ...target, inode },
    ]);
  }

  write(inode: InodeId, bytes: Uint8Array, target: { readonly offset: number; readonly path: string }): void {
    this.#fileContent(inode).write(bytes, target.offset, { sequence: ++this.#sequence, path: target.path });
    this.#modifiedAtMs.set(inode, this.#now());
  }

  truncate(inode: InodeId, sizeBytes: number, path: string): void {
    this.#fileContent(inode).truncate(sizeBytes, { sequence: ++this.#sequence, path });
    this.#modifiedAtMs.set(inode, this.#now());
  }

  /** The end of a sync that began when `sequence` was the last operation. */
  endFileSync(inode: InodeId, sequence: number, result: 'succeeded' | 'failed'): void {
    const content = this.#fileContent(inode);
    if (result === 'succeeded') content.syncSucceeded(sequence);
    else content.syncFailed(sequence);
  }

  endDirectorySync(directory: InodeId, sequence: number, result: 'succeeded' | 'failed'): void {
    if (result === 'succeeded') this.#names.syncSucceeded(sequence, directory);
    else this.#names.syncFailed(sequence, directory);
  }

  endFullSync(sequence: number, result: 'succeeded' | 'failed'): void {
    if (result === 'succeeded') this.#names.syncSucceeded(sequence);
    else this.#names.syncFailed(sequence);
    for (const inode of this.#files.keys()) this.endFileSync(inode, sequence, result);
  }

  /** Last name first, as a stack of what is yet to be visited wants it. */
  #children(directory: InodeId, path: string): readonly { path: string; inode: InodeId }[] {
    const entries = this.#names.sortedEntries(directory);
    if (entries.length === 0) return NOTHING;
    return entries.map(([name, inode]) => ({ path: `${path}/${name}`, inode })).reverse();
  }

  #fileContent(inode: InodeId): FileContent {
    const content = this.#files.get(inode);
    if (content === undefined) throw new Error(`inode ${inode} is not a file`);
    return content;
  }

  #locate(path: string, syscall: string): Place {
    // Most paths come from `join`, and to resolve them again costs more than to walk them.
    const absolute = UNRESOLVED.test(path) ? posix.resolve('/', path) : path;
    const names = absolute === '/' ? [] : absolute.slice(1).split('/');
    let place: Place = { directory: ROOT, name: '', inode: ROOT };
    for (const name of names) {
      if (place.inode === undefined) throw systemError('ENOENT', { syscall, path });
      const entries = this.#names.entries(place.inode);
      if (entries === undefined) throw systemError('ENOTDIR', { syscall, path });
      place = { directory: place.inode, name, inode: entries.get(name) };
    }
    return place;
  }

  #free(path: string, syscall: string): Place {
    const place = this.#locate(path, syscall);
    if (place.inode !== undefined) throw systemError('EEXIST', { syscall, path });
    return place;
  }

  #checkReplacement(inode: InodeId, target: Place, path: string): void {
    if (target.inode === undefined) return;
    const fail = (code: string) => systemError(code, { syscall: 'rename', path });
    const targetNames = this.#names.entries(target.inode);
    if (this.isDirectory(inode) && targetNames === undefined) throw fail('ENOTDIR');
    if (!this.isDirectory(inode) && targetNames !== undefined) throw fail('EISDIR');
    if (targetNames !== undefined && targetNames.size > 0) throw fail('ENOTEMPTY');
  }

  #checkNotInside(source: Place, target: Place, path: string): void {
    if (source.inode === undefined) return;
    const inside = [...this.walk(source.inode)].some(({ inode }) => inode === target.directory);
    if (inside || source.inode === target.directory) throw systemError('EINVAL', { syscall: 'rename', path });
  }

  #change(description: string, decidedBy: InodeId, changes: readonly NameChange[]): void {
    this.#names.apply({ sequence: ++this.#sequence, description, changes, decidedBy });
    for (const { directory, inode } of changes) {
      this.#modifiedAtMs.set(directory, this.#now());
      if (inode !== undefined && this.#modifiedAtMs.get(inode) === undefined)
        this.#modifiedAtMs.set(inode, this.#now());
    }
  }

  #successor(names: NameJournal): Disk {
    const disk = new Disk(this.#now);
    disk.#names = names;
    disk.#modifiedAtMs = this.#modifiedAtMs.share();
    disk.#nextInode = this.#nextInode;
    disk.#sequence = this.#sequence;
    return disk;
  }
}
