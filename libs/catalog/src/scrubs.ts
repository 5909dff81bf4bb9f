/** How far the scrub of each store has come. Losing it costs one pass that begins anew. */
import type { StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export interface ScrubRecord {
  readonly storeId: StoreId;
  /** What is being read, of the kinds of objects that a store has. */
  readonly kind: 'chunk' | 'manifest' | 'tombstone';
  /** The cursor of the store's listing behind the last object read; '' before the first. */
  readonly lastKey: string;
  readonly startedAtMs: number;
  /** Undefined while the pass is under way. */
  readonly endedAtMs: number | undefined;
  /** Of any pass. */
  readonly lastCompletedAtMs: number | undefined;
  /** Of this pass, as are the next two. */
  readonly objects: number;
  readonly bytes: number;
  readonly corrupt: number;
}

interface Row {
  store_id: string;
  kind: string;
  last_key: string;
  started_at: number;
  ended_at: number | null;
  last_completed_at: number | null;
  objects: number;
  bytes: number;
  corrupt: number;
}

const COLUMNS = 'store_id, kind, last_key, started_at, ended_at, last_completed_at, objects, bytes, corrupt';

export class Scrubs {
  readonly #statements: ReturnType<typeof prepareStatements>;

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
  }

  find(storeId: StoreId): ScrubRecord | undefined {
    const row = this.#statements.get.get(storeId);
    if (row === undefined) return undefined;
    return {
      storeId,
      kind: row.kind as ScrubRecord['kind'],
      lastKey: row.last_key,
      startedAtMs: row.started_at,
      endedAtMs: row.ended_at ?? undefined,
      lastCompletedAtMs: row.last_completed_at ?? undefined,
      objects: row.objects,
      bytes: row.bytes,
      corrupt: row.corrupt,
    };
  }

  save(record: ScrubRecord): void {
    this.#statements.put.run({
      store_id: record.storeId,
      kind: record.kind,
      last_key: record.lastKey,
      started_at: record.startedAtMs,
      ended_at: record.endedAtMs ?? null,
      last_completed_at: record.lastCompletedAtMs ?? null,
      objects: record.objects,
      bytes: record.bytes,
      corrupt: record.corrupt,
    });
  }

  /** Forgets every other store: one that returns begins anew. */
  keepOnly(storeIds: readonly StoreId[]): void {
    for (const { store_id } of this.#statements.stores.all()) {
      if (!storeIds.includes(store_id as StoreId)) this.#statements.drop.run(store_id);
    }
  }
}

function prepareStatements(database: Database.Database) {
  return {
    get: database.prepare<[string], Row>(`SELECT ${COLUMNS} FROM scrubs WHERE store_id = ?`),
    put: database.prepare<Row>(
      `INSERT INTO scrubs (${COLUMNS}) VALUES (${COLUMNS.replaceAll(/\w+/g, '@$&')})
       ON CONFLICT (store_id) DO UPDATE
       SET kind = @kind, last_key = @last_key, started_at = @started_at, ended_at = @ended_at,
           last_completed_at = @last_completed_at, objects = @objects, bytes = @bytes, corrupt = @corrupt`,
    ),
    stores: database.prepare<[], { store_id: string }>('SELECT store_id FROM scrubs'),
    drop: database.prepare<[string]>('DELETE FROM scrubs WHERE store_id = ?'),
  };
}
