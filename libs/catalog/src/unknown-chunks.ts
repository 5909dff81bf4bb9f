/**
 * Chunks that were to be unlinked on a replica and may be there or not: noted before the unlink is asked for, forgotten when
 * it is confirmed. While a row stands, a copy to that replica puts the chunk without asking whether it is there, because an
 * unlink that is still on its way would take it after the answer.
 */
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export interface UnknownChunkQuery {
  readonly storeId: StoreId;
  /** The last chunk of the page before; absent for the first page. */
  readonly after?: ChunkId | undefined;
  readonly limit: number;
}

export class UnknownChunks {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #inTransaction: (work: () => void) => void;
  /** All that have a row, and some that have none any more. Every copy asks, and nearly always there is nothing to ask. */
  readonly #stores: Set<StoreId>;
  /** How many unlinks of each store have begun and not ended. */
  readonly #unlinking = new Map<StoreId, number>();

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
    this.#inTransaction = database.transaction((work: () => void) => work());
    this.#stores = new Set(this.storeIds());
  }

  note(storeIds: readonly StoreId[], chunkIds: readonly ChunkId[], nowMs: number): void {
    if (storeIds.length === 0 || chunkIds.length === 0) return;
    this.#inTransaction(() => {
      for (const storeId of storeIds) {
        this.#stores.add(storeId);
        for (const chunkId of chunkIds) this.#statements.note.run({ store_id: storeId, chunk_id: chunkId, now: nowMs });
      }
    });
  }

  forget(storeId: StoreId, chunkIds: readonly ChunkId[]): void {
    if (chunkIds.length === 0) return;
    this.#inTransaction(() => {
      for (const chunkId of chunkIds) this.#statements.forget.run(storeId, chunkId);
    });
  }

  /** In the order of their ids. */
  page({ storeId, after = '' as ChunkId, limit }: UnknownChunkQuery): ChunkId[] {
    return this.#statements.page.all(storeId, after, limit).map(({ chunk_id }) => chunk_id as ChunkId);
  }

  /** Whether a chunk of that file is unknown there. */
  touches(storeId: StoreId, fileId: FileId): boolean {
    if (!this.#stores.has(storeId)) return false;
    return this.#statements.touches.get({ store_id: storeId, file_id: fileId }) !== undefined;
  }

  /** Stores that have unknown chunks. */
  storeIds(): StoreId[] {
    return this.#statements.storeIds.all().map(({ id }) => id as StoreId);
  }

  /** Drops up to `limit` rows of a store that is no replica any more; answers with how many these were. */
  forgetStore({ storeId, limit }: { readonly storeId: StoreId; readonly limit: number }): number {
    return this.#statements.forgetStore.run({ store_id: storeId, limit }).changes;
  }

  /**
   * A copy has put all chunks of the file there: what is known of them again is forgotten here; nothing, while an unlink on
   * that store has not ended, because it may still take what the copy has put.
   */
  settle(storeId: StoreId, fileId: FileId): void {
    if (this.#stores.has(storeId) && !this.isUnlinking(storeId)) this.#statements.settle.run(storeId, fileId);
  }

  /** An unlink on that store begins; to be called when it has ended, not when nobody waits for it any more. */
  beginUnlink(storeId: StoreId): () => void {
    this.#unlinking.set(storeId, (this.#unlinking.get(storeId) ?? 0) + 1);
    return () => {
      const others = this.#unlinking.get(storeId)! - 1;
      if (others === 0) this.#unlinking.delete(storeId);
      else this.#unlinking.set(storeId, others);
    };
  }

  isUnlinking(storeId: StoreId): boolean {
    return this.#unlinking.has(storeId);
  }
}

function prepareStatements(database: Database.Database) {
  return {
    note: database.prepare<{ store_id: string; chunk_id: string; now: number }>(
      'INSERT OR IGNORE INTO unknown_chunks (store_id, chunk_id, since) VALUES (@store_id, @chunk_id, @now)',
    ),
    forget: database.prepare<[string, string]>('DELETE FROM unknown_chunks WHERE store_id = ? AND chunk_id = ?'),
    storeIds: database.prepare<[], { id: string }>(
      `WITH RECURSIVE stores(id) AS (
         SELECT MIN(store_id) FROM unknown_chunks
         UNION ALL
         SELECT (SELECT MIN(store_id) FROM unknown_chunks WHERE store_id > stores.id) FROM stores WHERE stores.id IS NOT NULL)
       SELECT id FROM stores WHERE id IS NOT NULL`,
    ),
    forgetStore: database.prepare<{ store_id: string; limit: number }>(
      `DELETE FROM unknown_chunks WHERE store_id = @store_id AND chunk_id IN (
         SELECT chunk_id FROM unknown_chunks WHERE store_id = @store_id LIMIT @limit)`,
    ),
    page: database.prepare<[string, string, number], { chunk_id: string }>(
      'SELECT chunk_id FROM unknown_chunks WHERE store_id = ? AND chunk_id > ? ORDER BY chunk_id LIMIT ?',
    ),
    touches: database.prepare<{ store_id: string; file_id: string }, object>(
      `SELECT 1 FROM chunk_refs AS own WHERE own.owner_id = @file_id AND own.owner_kind = 'file' AND EXISTS (
         SELECT 1 FROM unknown_chunks AS unknown WHERE unknown.store_id = @store_id AND unknown.chunk_id = own.chunk_id)
       LIMIT 1`,
    ),
    settle: database.prepare<[string, string]>(
      `DELETE FROM unknown_chunks WHERE store_id = ? AND chunk_id IN (
         SELECT chunk_id FROM chunk_refs WHERE owner_kind = 'file' AND owner_id = ?)`,
    ),
  };
}
