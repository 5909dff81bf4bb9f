import { DirectoryNames, type InodeId, type NameChange } from './directory-names.js';
import type { CrashOutcome, Fate } from './survival.js';

/** A create, mkdir, unlink or rename: all of its changes reach the disk, or none. */
export interface NameOperation {
  readonly kind: 'name';
  readonly sequence: number;
  readonly fate: Exclude<Fate, 'durable'>;
  readonly description: string;
  readonly changes: readonly NameChange[];
  /** The directory whose sync makes the operation durable. */
  readonly decidedBy: InodeId;
}

/**
 * The names of all directories, as processes see them and as the disk surely has them, with the operations between.
 *
 * The model, as weak as POSIX with atomic renames allows and a little weaker than ext4, xfs and btrfs are:
 * - Un-synced operations reach the disk in any order, except that operations on the same entry keep theirs: a rename
 *   cannot survive without the create of the name it moves.
 * - Syncing a directory makes its creates, mkdirs, unlinks and the renames INTO it durable, and what these build on. A
 *   rename out of it to another directory stays undecided until the destination is synced.
 * - Syncing a file does not make its name durable, and syncing a directory does not make its own name durable: below a
 *   lost name all is lost.
 * - A failed sync leaves its operations `unproven`: no later sync of the directory covers them, only a new operation
 *   on the same entry does.
 */
export class NameJournal {
  #visible = new DirectoryNames();
  #durable = new DirectoryNames();
  #operations: NameOperation[] = [];

  clone(): NameJournal {
    const clone = new NameJournal();
    clone.#visible = this.#visible.share();
    clone.#durable = this.#durable.share();
    clone.#operations = [...this.#operations];
    return clone;
  }

  addDirectory(directory: InodeId): void {
    this.#visible.addDirectory(directory);
    this.#durable.addDirectory(directory);
  }

  /** The entries that processes see; `undefined` where the inode is no directory. */
  entries(directory: InodeId): ReadonlyMap<string, InodeId> | undefined {
    return this.#visible.of(directory);
  }

  /** The same, in the order of their names. */
  sortedEntries(directory: InodeId): readonly (readonly [string, InodeId])[] {
    return this.#visible.sorted(directory);
  }

  get undecided(): readonly NameOperation[] {
    return this.#operations;
  }

  /** Every inode that has a name, or may have one after a power cut. */
  referenced(): Set<InodeId> {
    const found = new Set<InodeId>();
    this.#durable.collectInodes(found);
    this.#visible.collectInodes(found, this.#durable);
    for (const { changes } of this.#operations) {
      for (const { inode } of changes) if (inode !== undefined) found.add(inode);
    }
    return found;
  }

  apply(operation: Omit<NameOperation, 'kind' | 'fate'>): void {
    this.#visible.apply(operation.changes);
    this.#operations.push({ kind: 'name', fate: 'pending', ...operation });
  }

  /** A sync of `directory` (of every directory where undefined) that covered what was done up to `sequence` succeeded. */
  syncSucceeded(sequence: number, directory?: InodeId): void {
    const settled = new Set<number>();
    const needed = new Set<string>();
    // Backwards, so that an operation is seen after all that build on it.
    for (const operation of this.#operations.toReversed()) {
      const keys = operation.changes.map(entryKey);
      if (!isCovered(operation, sequence, directory) && !keys.some((key) => needed.has(key))) continue;
      settled.add(operation.sequence);
      for (const key of keys) needed.add(key);
    }
    for (const operation of this.#operations) {
      if (settled.has(operation.sequence)) this.#durable.apply(operation.changes);
    }
    this.#operations = this.#operations.filter((operation) => !settled.has(operation.sequence));
  }

  syncFailed(sequence: number, directory?: InodeId): void {
    this.#operations = this.#operations.map((operation) =>
      isCovered(operation, sequence, directory) ? { ...operation, fate: 'unproven' } : operation,
    );
  }

  /** The durable entries after a power cut. An operation also needs those before it on the same entries. */
  afterCrash(outcome: CrashOutcome): DirectoryNames {
    const entries = this.#durable.share();
    const lost = new Set<string>();
    for (const operation of this.#operations) {
      const keys = operation.changes.map(entryKey);
      if (outcome.has(operation.sequence) && !keys.some((key) => lost.has(key))) {
        entries.apply(operation.changes);
      } else {
        for (const key of keys) lost.add(key);
      }
    }
    return entries;
  }

  /** A journal in which `entries` are all there is and are durable. */
  static durable(entries: DirectoryNames): NameJournal {
    const journal = new NameJournal();
    journal.#visible = entries.share();
    journal.#durable = entries;
    return journal;
  }
}

function isCovered(operation: NameOperation, sequence: number, directory: InodeId | undefined): boolean {
  if (operation.fate !== 'pending' || operation.sequence > sequence) return false;
  return directory === undefined || operation.decidedBy === directory;
}

function entryKey({ directory, name }: NameChange): string {
  return `${directory}/${name}`;
}
