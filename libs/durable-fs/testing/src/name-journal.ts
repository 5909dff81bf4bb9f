import type { CrashOutcome, Fate } from './survival.js';

export type InodeId = number;

/** One directory entry set to an inode or removed. */
export interface NameChange {
  readonly directory: InodeId;
  readonly name: string;
  readonly inode: InodeId | undefined;
}

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

type Entries = Map<InodeId, Map<string, InodeId>>;

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
  #visible: Entries = new Map();
  #durable: Entries = new Map();
  #operations: NameOperation[] = [];

  clone(): NameJournal {
    const clone = new NameJournal();
    clone.#visible = copyEntries(this.#visible);
    clone.#durable = copyEntries(this.#durable);
    clone.#operations = [...this.#operations];
    return clone;
  }

  addDirectory(directory: InodeId): void {
    this.#visible.set(directory, new Map());
    this.#durable.set(directory, new Map());
  }

  /** The entries that processes see; `undefined` where the inode is no directory. */
  entries(directory: InodeId): ReadonlyMap<string, InodeId> | undefined {
    return this.#visible.get(directory);
  }

  get undecided(): readonly NameOperation[] {
    return this.#operations;
  }

  /** Every inode that has a name, or may have one after a power cut. */
  referenced(): Set<InodeId> {
    const named = [...this.#visible.values(), ...this.#durable.values()].flatMap((names) => [...names.values()]);
    const moved = this.#operations.flatMap(({ changes }) => changes.map(({ inode }) => inode));
    return new Set([...named, ...moved.filter((inode) => inode !== undefined)]);
  }

  apply(operation: Omit<NameOperation, 'kind' | 'fate'>): void {
    applyChanges(this.#visible, operation.changes);
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
      if (settled.has(operation.sequence)) applyChanges(this.#durable, operation.changes);
    }
    this.#operations = this.#operations.filter((operation) => !settled.has(operation.sequence));
  }

  syncFailed(sequence: number, directory?: InodeId): void {
    this.#operations = this.#operations.map((operation) =>
      isCovered(operation, sequence, directory) ? { ...operation, fate: 'unproven' } : operation,
    );
  }

  /** The durable entries after a power cut. An operation also needs those before it on the same entries. */
  afterCrash(outcome: CrashOutcome): ReadonlyMap<InodeId, ReadonlyMap<string, InodeId>> {
    const entries = copyEntries(this.#durable);
    const lost = new Set<string>();
    for (const operation of this.#operations) {
      const keys = operation.changes.map(entryKey);
      if (outcome.has(operation.sequence) && !keys.some((key) => lost.has(key))) {
        applyChanges(entries, operation.changes);
      } else {
        for (const key of keys) lost.add(key);
      }
    }
    return entries;
  }

  /** A journal in which `entries` are all there is and are durable. */
  static durable(entries: ReadonlyMap<InodeId, ReadonlyMap<string, InodeId>>): NameJournal {
    const journal = new NameJournal();
    journal.#visible = copyEntries(entries);
    journal.#durable = copyEntries(entries);
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

function applyChanges(entries: Entries, changes: readonly NameChange[]): void {
  for (const { directory, name, inode } of changes) {
    if (inode === undefined) entries.get(directory)?.delete(name);
    else entries.get(directory)?.set(name, inode);
  }
}

function copyEntries(entries: ReadonlyMap<InodeId, ReadonlyMap<string, InodeId>>): Entries {
  return new Map([...entries].map(([directory, names]) => [directory, new Map(names)]));
}
