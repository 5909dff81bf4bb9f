/**
 * Chunks and manifests that no store could give whole when they were looked for. A row is what was seen, not what is so
 * for ever: a store that has confirmed the file since holds it, and a file that is deleted needs nothing, so both are left
 * out of what is told.
 */
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export type DamagedObject =
  { readonly kind: 'chunk'; readonly id: ChunkId } | { readonly kind: 'manifest'; readonly id: FileId };

/** A file that cannot be read now, and what of it. */
export interface DamagedFile {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly object: DamagedObject;
  /** The stores that have it with other bytes, or not at all. */
  readonly storeIds: readonly StoreId[];
  readonly sinceMs: number;
}

/** Of which files are told at once. */
const MAX_OBJECTS = 1_000;

export class Damage {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #inTransaction: (work: () => void) => void;

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
    this.#inTransaction = database.transaction((work: () => void) => work());
  }

  /** Answers whether it is news. */
  note({ kind, id }: DamagedObject, storeIds: readonly StoreId[], nowMs: number): boolean {
    const known = this.#statements.of.get(kind, id);
    this.#inTransaction(() => {
      this.#statements.forget.run(kind, id);
      const since = known?.since ?? nowMs;
      for (const storeId of storeIds) this.#statements.note.run({ kind, object_id: id, store_id: storeId, since });
    });
    return known === undefined;
  }

  /** Files that are damaged still, in the order of the objects; at most `limit`. */
  files(limit: number): DamagedFile[] {
    const found: DamagedFile[] = [];
    for (const { kind, object_id, since } of this.#statements.objects.all(MAX_OBJECTS)) {
      if (found.length >= limit) break;
      const storeIds = this.#statements.stores.all(kind, object_id).map(({ store_id }) => store_id as StoreId);
      const object = { kind, id: object_id } as DamagedObject;
      for (const row of this.#statements.files.all({ kind, object_id, limit: limit - found.length })) {
        found.push({ fileId: row.file_id as FileId, fileName: row.file_name, object, storeIds, sinceMs: since });
      }
    }
    return found;
  }

  /** Forgets what is damaged no more. */
  prune(): void {
    this.#inTransaction(() => {
      for (const { kind, object_id } of this.#statements.objects.all(MAX_OBJECTS)) {
        const isDamaged = this.#statements.files.get({ kind, object_id, limit: 1 }) !== undefined;
        if (!isDamaged) this.#statements.forget.run(kind, object_id);
      }
    });
  }
}

/** No store that is noted for the object has confirmed the file since. */
const IS_DAMAGED = `NOT EXISTS (
         SELECT 1 FROM obligations JOIN damaged_objects ON damaged_objects.store_id = obligations.store_id
         WHERE obligations.file_id = files.file_id AND obligations.state = 'done' AND obligations.want = 'present'
           AND damaged_objects.kind = @kind AND damaged_objects.object_id = @object_id)`;

function prepareStatements(database: Database.Database) {
  return {
    of: database.prepare<[string, string], { since: number }>(
      'SELECT since FROM damaged_objects WHERE kind = ? AND object_id = ? LIMIT 1',
    ),
    note: database.prepare<{ kind: string; object_id: string; store_id: string; since: number }>(
      'INSERT INTO damaged_objects (kind, object_id, store_id, since) VALUES (@kind, @object_id, @store_id, @since)',
    ),
    forget: database.prepare<[string, string]>('DELETE FROM damaged_objects WHERE kind = ? AND object_id = ?'),
    objects: database.prepare<[number], { kind: string; object_id: string; since: number }>(
      `SELECT kind, object_id, MIN(since) AS since FROM damaged_objects
       GROUP BY kind, object_id ORDER BY kind, object_id LIMIT ?`,
    ),
    stores: database.prepare<[string, string], { store_id: string }>(
      'SELECT store_id FROM damaged_objects WHERE kind = ? AND object_id = ? ORDER BY store_id',
    ),
    files: database.prepare<{ kind: string; object_id: string; limit: number }, { file_id: string; file_name: string }>(
      `SELECT file_id, file_name FROM files
       WHERE file_id IN (
         SELECT owner_id FROM chunk_refs WHERE @kind = 'chunk' AND chunk_id = @object_id AND owner_kind = 'file'
         UNION ALL SELECT @object_id WHERE @kind = 'manifest') AND ${IS_DAMAGED}
       ORDER BY file_id LIMIT @limit`,
    ),
  };
}
