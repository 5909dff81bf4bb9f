import { SharedMap } from './shared-map.js';

export type InodeId = number;

/** One directory entry set to an inode or removed. */
export interface NameChange {
  readonly directory: InodeId;
  readonly name: string;
  readonly inode: InodeId | undefined;
}

type Names = ReadonlyMap<string, InodeId>;
type SortedNames = readonly (readonly [string, InodeId])[];

/** Of maps that nobody modifies any more. */
const sortedNames = new WeakMap<Names, SortedNames>();

/**
 * The entries of all directories of a disk; a directory is copied only when one of its holders changes it.
 *
 * Invariant: a directory's map that was ever shared is never modified again, by any of its holders.
 */
export class DirectoryNames {
  #directories = new SharedMap<InodeId, Names>();
  /** The directories whose map no other holder has. */
  readonly #owned = new Map<InodeId, Map<string, InodeId>>();

  share(): DirectoryNames {
    this.#owned.clear();
    const twin = new DirectoryNames();
    twin.#directories = this.#directories.share();
    return twin;
  }

  addDirectory(directory: InodeId): void {
    this.#directories.set(directory, new Map());
  }

  /** `undefined` where the inode is no directory. */
  of(directory: InodeId): Names | undefined {
    return this.#directories.get(directory);
  }

  /** In the order of the names' UTF-16 units; empty where the inode is no directory. */
  sorted(directory: InodeId): SortedNames {
    const names = this.#directories.get(directory);
    if (names === undefined || names.size === 0) return [];
    const known = this.#owned.has(directory) ? undefined : sortedNames.get(names);
    if (known !== undefined) return known;
    const sorted = [...names].sort(([left], [right]) => (left < right ? -1 : 1));
    if (!this.#owned.has(directory)) sortedNames.set(names, sorted);
    return sorted;
  }

  /** Adds every inode that has a name to `found`; not again what `seen` has added. */
  collectInodes(found: Set<InodeId>, seen?: DirectoryNames): void {
    this.#directories.forEach((names, directory) => {
      if (names.size > 0 && seen?.of(directory) !== names) names.forEach((inode) => found.add(inode));
    });
  }

  /** A directory that does not exist takes no names. */
  apply(changes: readonly NameChange[]): void {
    for (const { directory, name, inode } of changes) {
      const names = this.#ownedNames(directory);
      if (inode === undefined) names?.delete(name);
      else names?.set(name, inode);
    }
  }

  #ownedNames(directory: InodeId): Map<string, InodeId> | undefined {
    const owned = this.#owned.get(directory);
    const shared = this.#directories.get(directory);
    if (owned !== undefined || shared === undefined) return owned;
    const copy = new Map(shared);
    this.#owned.set(directory, copy);
    this.#directories.set(directory, copy);
    return copy;
  }
}
