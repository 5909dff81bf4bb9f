/**
 * Deletes that nobody has to remember any more. Their rows of `obligations` are `expiring` from before the first tombstone
 * goes until the last one has gone, so that nobody who compares stores meanwhile takes a tombstone for lost: an expiring row
 * is not judged, and no order is given for its file. Then all rows of the file go.
 *
 *   done ──begin──▶ expiring ──end──▶ no row
 *     ▲                │
 *     └── delete job ◀─┴─giveUp (pending, the next generation)
 *
 * That a later order would begin at generation 1 again does no harm here: a file id is given once, so the only order that
 * can follow is another delete (docs/adr/0007).
 */
import type { FileId, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export interface RipeQuery {
  readonly fileId: FileId;
  /** Repairs are owed to it, and no delete ever. */
  readonly primaryId: StoreId;
  /** The youngest confirmation that is old enough. */
  readonly untilMs: number;
}

export interface ExpiryStart extends Omit<RipeQuery, 'fileId'> {
  readonly fileIds: readonly FileId[];
  /** All of the settings: each has a row as long as the delete is expiring. */
  readonly replicaIds: readonly StoreId[];
  readonly nowMs: number;
}

export class ExpiringDeletes {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #inTransaction: (work: () => void) => void;

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
    this.#inTransaction = database.transaction((work: () => void) => work());
  }

  /** Whether the file is deleted, nothing of it is owed to any store, and every delete was confirmed long enough ago. */
  isRipe({ fileId, primaryId, untilMs }: RipeQuery): boolean {
    const query = { file_id: fileId, primary_id: primaryId, until: untilMs };
    return this.#statements.unripe.get(query) === undefined;
  }

  /** Marks those of the deletes that are still ripe; answers with which these were. */
  begin({ fileIds, replicaIds, nowMs, ...ripeness }: ExpiryStart): FileId[] {
    const begun: FileId[] = [];
    this.#inTransaction(() => {
      for (const fileId of fileIds) {
        if (!this.isRipe({ fileId, ...ripeness })) continue;
        for (const storeId of replicaIds) {
          this.#statements.mark.run({ file_id: fileId, store_id: storeId, now: nowMs });
        }
        begun.push(fileId);
      }
    });
    return begun;
  }

  /** Deletes that are expiring on that store, in no order. */
  page({ storeId, limit }: { readonly storeId: StoreId; readonly limit: number }): FileId[] {
    return this.#statements.page.all({ store_id: storeId, limit }).map(({ file_id }) => file_id as FileId);
  }

  /** No store has a tombstone of the files any more. */
  end(fileIds: readonly FileId[]): void {
    this.#inTransaction(() => {
      for (const fileId of fileIds) this.#statements.forget.run(fileId);
    });
  }

  /** The primary still has the tombstones: the deletes are owed anew, so that every replica gets them back. */
  giveUp(fileIds: readonly FileId[], nowMs: number): void {
    this.#inTransaction(() => {
      for (const fileId of fileIds) this.#statements.oweAgain.run({ file_id: fileId, now: nowMs });
    });
  }
}

function prepareStatements(database: Database.Database) {
  return {
    unripe: database.prepare<{ file_id: string; primary_id: string; until: number }, object>(
      `SELECT 1 FROM files WHERE file_id = @file_id
       UNION ALL
       SELECT 1 FROM obligations WHERE file_id = @file_id
         AND (state <> 'done' OR (store_id <> @primary_id AND (want <> 'absent' OR COALESCE(confirmed_at, @until + 1) > @until)))
       LIMIT 1`,
    ),
    mark: database.prepare<{ file_id: string; store_id: string; now: number }>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       VALUES (@file_id, @store_id, 'absent', 'delete', 1, 'expiring', @now, @now, 0)
       ON CONFLICT (file_id, store_id) DO UPDATE SET state = 'expiring'`,
    ),
    page: database.prepare<{ store_id: string; limit: number }, { file_id: string }>(
      "SELECT file_id FROM obligations WHERE store_id = @store_id AND state = 'expiring' LIMIT @limit",
    ),
    forget: database.prepare<[string]>('DELETE FROM obligations WHERE file_id = ?'),
    oweAgain: database.prepare<{ file_id: string; now: number }>(
      `UPDATE obligations SET generation = generation + 1, state = 'pending', next_attempt_at = @now, since = @now,
         attempts = 0, last_error = NULL, confirmed_at = NULL
       WHERE file_id = @file_id AND state = 'expiring'`,
    ),
  };
}
