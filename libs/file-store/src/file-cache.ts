/**
 * Catalog entries of files read lately, and the bytes of the small ones. An entry is put in the turn in which it was read
 * from the catalog and dropped in the turn in which the catalog changed, so the cache never shows what the catalog would
 * not. Bytes were verified when they came from the store, and are kept for as long as the entry is.
 */
import type { FileEntry } from '#libs/catalog';
import type { FileId } from '#libs/kernel';
import { LRUCache } from 'lru-cache';

const MAX_ENTRIES = 10_000;
/** Of all small files together. */
const MAX_CONTENT_BYTES = 16 * 1024 * 1024;
/** What the cache takes for a content besides its bytes, roughly. */
const CONTENT_OVERHEAD_BYTES = 512;

export interface FileCacheOptions {
  readonly maxEntries?: number;
  readonly maxContentBytes?: number;
}

export class FileCache {
  readonly #entries: LRUCache<FileId, FileEntry>;
  readonly #contents: LRUCache<FileId, Buffer>;

  constructor({ maxEntries = MAX_ENTRIES, maxContentBytes = MAX_CONTENT_BYTES }: FileCacheOptions = {}) {
    this.#entries = new LRUCache({ max: maxEntries, dispose: (_entry, fileId) => void this.#contents.delete(fileId) });
    this.#contents = new LRUCache({
      maxSize: maxContentBytes,
      sizeCalculation: (bytes) => bytes.length + CONTENT_OVERHEAD_BYTES,
    });
  }

  get(fileId: FileId): FileEntry | undefined {
    return this.#entries.get(fileId);
  }

  put(entry: FileEntry): void {
    this.#entries.set(entry.fileId, entry);
  }

  /** The bytes of a small file, whole. */
  content(fileId: FileId): Buffer | undefined {
    return this.#contents.get(fileId);
  }

  /** Keeps the verified bytes of a small file, unless it was dropped while they were read. */
  putContent(fileId: FileId, bytes: Buffer): void {
    if (!this.#entries.has(fileId)) return;
    // Memory of its own: a view would keep all of the buffer that it is a part of.
    const own = Buffer.allocUnsafeSlow(bytes.length);
    bytes.copy(own);
    this.#contents.set(fileId, own);
  }

  drop(fileId: FileId): void {
    this.#entries.delete(fileId);
  }
}
