/**
 * Catalog entries of files read lately. An entry is put in the turn in which it was read from the catalog and dropped in
 * the turn in which the catalog changed, so the cache never shows what the catalog would not.
 */
import type { FileEntry } from '#libs/catalog';
import type { FileId } from '#libs/kernel';
import { LRUCache } from 'lru-cache';

const MAX_ENTRIES = 10_000;

export class EntryCache {
  readonly #entries: LRUCache<FileId, FileEntry>;

  constructor(maxEntries = MAX_ENTRIES) {
    this.#entries = new LRUCache({ max: maxEntries });
  }

  get(fileId: FileId): FileEntry | undefined {
    return this.#entries.get(fileId);
  }

  put(entry: FileEntry): void {
    this.#entries.set(entry.fileId, entry);
  }

  drop(fileId: FileId): void {
    this.#entries.delete(fileId);
  }
}
