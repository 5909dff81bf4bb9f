/**
 * Filling: a replica that joins is owed every file there is, and every delete that is still remembered, because any store
 * alone must be able to say what was deleted. Apply owes it what changes from now on, so filling only ever looks at what
 * stood before, in pages of their own transactions, and remembers how far it came.
 *
 *   stage       looks at    and orders
 *   stale       the rows    a delete of what the store was once given and is no file any more
 *   files       the files   a copy of what has no row; a verification of what was confirmed: the store was away meanwhile
 *   tombstones  the rows    a delete of what another store was told to delete: the tombstone comes with it
 *   filled      nothing
 *
 * A delete whose tombstones are expiring is left alone: the one to put may be gone already.
 * A replica that leaves the settings loses its row here, and its obligations behind that, a page at a time.
 */
import type { StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export interface FillPage {
  readonly storeId: StoreId;
  /** How many rows one transaction looks at. */
  readonly limit: number;
  readonly nowMs: number;
}

export type FillOutcome = 'filled' | 'more';

type WorkingStage = 'stale' | 'files' | 'tombstones';
type Stage = WorkingStage | 'filled';

const FOLLOWING: Readonly<Record<WorkingStage, Stage>> = { stale: 'files', files: 'tombstones', tombstones: 'filled' };

interface Progress {
  stage: Stage;
  last_file_id: string;
}

type Range = { store_id: string; after: string; until: string; now: number };

export class FillStatements {
  readonly #statements: ReturnType<typeof prepareFillStatements>;
  readonly #pageInTransaction: (page: FillPage) => FillOutcome;
  readonly #keepInTransaction: (storeIds: readonly StoreId[]) => void;

  constructor(database: Database.Database) {
    this.#statements = prepareFillStatements(database);
    this.#pageInTransaction = database.transaction((page: FillPage) => this.#page(page));
    this.#keepInTransaction = database.transaction((storeIds: readonly StoreId[]) => {
      for (const { store_id } of this.#statements.all.all()) {
        if (!storeIds.includes(store_id as StoreId)) this.#statements.drop.run(store_id);
      }
    });
  }

  keepOnly(storeIds: readonly StoreId[]): void {
    this.#keepInTransaction(storeIds);
  }

  isFilled(storeId: StoreId): boolean {
    return this.#statements.progress.get(storeId)?.stage === 'filled';
  }

  next(page: FillPage): FillOutcome {
    return this.#pageInTransaction(page);
  }

  #page({ storeId, limit, nowMs }: FillPage): FillOutcome {
    const { progress, endOfRows, endOfFiles, note } = this.#statements;
    const { stage, last_file_id } = progress.get(storeId) ?? { stage: 'stale', last_file_id: '' };
    if (stage === 'filled') return 'filled';
    const page = { after: last_file_id, limit };
    const until = (stage === 'files' ? endOfFiles : endOfRows).get(page)?.until ?? undefined;
    if (until === undefined) {
      const following = FOLLOWING[stage];
      note.run({ store_id: storeId, stage: following, last_file_id: '' });
      return following === 'filled' ? 'filled' : 'more';
    }
    this.#ordersOf(stage).run({ store_id: storeId, after: last_file_id, until, now: nowMs });
    note.run({ store_id: storeId, stage, last_file_id: until });
    return 'more';
  }

  #ordersOf(stage: WorkingStage): Database.Statement<[Range]> {
    const { orderDeletes, orderCopies, orderTombstones } = this.#statements;
    return { stale: orderDeletes, files: orderCopies, tombstones: orderTombstones }[stage];
  }
}

export function prepareFillStatements(database: Database.Database) {
  const reopened = `generation = generation + 1, state = 'pending', next_attempt_at = @now, since = @now, attempts = 0,
           last_error = NULL, confirmed_at = NULL`;
  return {
    all: database.prepare<[], { store_id: string }>('SELECT store_id FROM filled_replicas'),
    drop: database.prepare<[string]>('DELETE FROM filled_replicas WHERE store_id = ?'),
    progress: database.prepare<[string], Progress>(
      'SELECT stage, last_file_id FROM filled_replicas WHERE store_id = ?',
    ),
    note: database.prepare<{ store_id: string } & Progress>(
      `INSERT INTO filled_replicas (store_id, stage, last_file_id) VALUES (@store_id, @stage, @last_file_id)
       ON CONFLICT (store_id) DO UPDATE SET stage = @stage, last_file_id = @last_file_id`,
    ),
    // Rows of all stores: a page of one store's alone could be looked for through the whole table.
    endOfRows: database.prepare<{ after: string; limit: number }, { until: string | null }>(
      `SELECT MAX(file_id) AS until FROM (
         SELECT file_id FROM obligations WHERE file_id > @after ORDER BY file_id LIMIT @limit) AS page`,
    ),
    endOfFiles: database.prepare<{ after: string; limit: number }, { until: string | null }>(
      `SELECT MAX(file_id) AS until FROM (
         SELECT file_id FROM files WHERE file_id > @after ORDER BY file_id LIMIT @limit) AS page`,
    ),
    // The plus sign keeps SQLite from the other index: by store it would read, for each page, all rows of the store.
    orderDeletes: database.prepare<Range>(
      `UPDATE obligations SET want = 'absent', operation = 'delete', size = 0, ${reopened}
       WHERE +store_id = @store_id AND file_id > @after AND file_id <= @until AND want = 'present'
         AND NOT EXISTS (SELECT 1 FROM files WHERE files.file_id = obligations.file_id)`,
    ),
    orderCopies: database.prepare<Range>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       SELECT file_id, @store_id, 'present', 'copy', 1, 'pending', @now, @now, file_size
       FROM files WHERE file_id > @after AND file_id <= @until
       ON CONFLICT (file_id, store_id) DO UPDATE SET operation = 'verify', ${reopened}
       WHERE want = 'present' AND state = 'done'`,
    ),
    orderTombstones: database.prepare<Range>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       SELECT DISTINCT file_id, @store_id, 'absent', 'delete', 1, 'pending', @now, @now, 0
       FROM obligations WHERE file_id > @after AND file_id <= @until AND want = 'absent'
         AND NOT EXISTS (SELECT 1 FROM files WHERE files.file_id = obligations.file_id)
         AND NOT EXISTS (
           SELECT 1 FROM obligations AS other WHERE other.file_id = obligations.file_id AND other.state = 'expiring')
       ON CONFLICT (file_id, store_id) DO NOTHING`,
    ),
  };
}
