/** The prepared SQL of obligations. `obligations_by_due` covers what is counted, and leads to what is due. */
import type Database from 'better-sqlite3';

interface ObligationRow {
  store_id: string;
  want: string;
  state: string;
  generation: number;
  operation: string;
  since: number;
  attempts: number;
  last_error: string | null;
}

interface DueRow {
  file_id: string;
  operation: string;
  generation: number;
  attempts: number;
  size: number;
}

interface OrderRow {
  file_id: string;
  store_id: string;
  generation: number;
  want: string;
}

interface StillRow {
  file_id: string;
  operation: string;
  attempts: number;
  last_error: string | null;
}

interface LoadRow {
  files: number;
  bytes: number | null;
  oldest: number | null;
  deletes: number | null;
  repairs: number | null;
}

type OldOrders = { store_id: string; until: number; now: number };

type Page = { store_id: string; now: number; limit: number };

type NewOrder = { file_id: string; store_id: string; operation: string; now: number };

const ORDERED_ANEW = `generation = generation + 1, state = 'pending', next_attempt_at = @now, attempts = 0,
           last_error = NULL, confirmed_at = NULL`;
const OWED = "state IN ('pending', 'failed')";
/** A time that lies ahead is of before the clock was put back. */
const OLD = '(since <= @until OR since > @now)';
/** Its tombstones are being removed: a delete that is ordered now would find none to put. */
const NOT_EXPIRING = `NOT EXISTS (
         SELECT 1 FROM obligations AS other WHERE other.file_id = @file_id AND other.state = 'expiring')`;
const SAME_ORDER = `file_id = @file_id AND store_id = @store_id AND generation = @generation AND want = @want AND ${OWED}`;

export function prepareObligationStatements(database: Database.Database) {
  return { ...prepareReading(database), ...prepareWriting(database) };
}

function prepareReading(database: Database.Database) {
  const duePage = (state: string): string =>
    `SELECT * FROM (SELECT file_id, operation, generation, attempts, size, next_attempt_at FROM obligations
     WHERE store_id = @store_id AND state = '${state}' AND next_attempt_at <= @now
     ORDER BY next_attempt_at LIMIT @limit) AS ${state}_rows`;
  const stillPage = (state: string): string =>
    `SELECT * FROM (SELECT file_id, operation, attempts, last_error, next_attempt_at FROM obligations
     WHERE store_id = @store_id AND state = '${state}' AND ${OLD}
     ORDER BY next_attempt_at DESC LIMIT @limit) AS ${state}_rows`;
  return {
    of: database.prepare<[string], ObligationRow>(
      'SELECT store_id, want, state, generation, operation, since, attempts, last_error FROM obligations WHERE file_id = ?',
    ),
    // One page per state: the index has each in the order of its time, and would have to sort the two together.
    due: database.prepare<Page, DueRow>(
      `${duePage('pending')} UNION ALL ${duePage('failed')} ORDER BY next_attempt_at LIMIT @limit`,
    ),
    anyFailed: database.prepare<[string], { one: number }>(
      "SELECT 1 AS one FROM obligations WHERE store_id = ? AND state = 'failed' LIMIT 1",
    ),
    nextDue: database.prepare<{ store_id: string; now: number }, { at: number | null }>(
      `SELECT MIN(at) AS at FROM (
         SELECT MIN(next_attempt_at) AS at FROM obligations
         WHERE store_id = @store_id AND state = 'pending' AND next_attempt_at > @now
         UNION ALL SELECT MIN(next_attempt_at) AS at FROM obligations
         WHERE store_id = @store_id AND state = 'failed' AND next_attempt_at > @now) AS times`,
    ),
    // Sums, because groups would be sorted.
    load: database.prepare<[string], LoadRow>(
      `SELECT COUNT(*) AS files, SUM(size) AS bytes, MIN(since) AS oldest,
              SUM(CASE operation WHEN 'delete' THEN 1 ELSE 0 END) AS deletes,
              SUM(CASE operation WHEN 'repair' THEN 1 ELSE 0 END) AS repairs
       FROM obligations WHERE store_id = ? AND ${OWED}`,
    ),
    owedSince: database.prepare<{ store_id: string; since: number }, { owed: number; waiting: number | null }>(
      `SELECT COUNT(*) AS owed, SUM(CASE WHEN next_attempt_at <= @since THEN 1 ELSE 0 END) AS waiting FROM obligations
       WHERE store_id = @store_id AND ${OWED} AND since <= @since`,
    ),
    // Of the index alone, and in one statement: counted in pages, what is put off meanwhile would slip from one to another.
    countStill: database.prepare<OldOrders, { owed: number }>(
      `SELECT COUNT(*) AS owed FROM obligations WHERE store_id = @store_id AND ${OWED} AND ${OLD}`,
    ),
    still: database.prepare<OldOrders & { limit: number }, StillRow>(
      `${stillPage('failed')} UNION ALL ${stillPage('pending')} ORDER BY next_attempt_at DESC LIMIT @limit`,
    ),
    // Leaps from store to store in the index, however many rows each has.
    storeIds: database.prepare<[], { id: string }>(
      `WITH RECURSIVE stores(id) AS (
         SELECT MIN(store_id) FROM obligations
         UNION ALL
         SELECT (SELECT MIN(store_id) FROM obligations WHERE store_id > stores.id) FROM stores WHERE stores.id IS NOT NULL)
       SELECT id FROM stores WHERE id IS NOT NULL`,
    ),
  };
}

function prepareWriting(database: Database.Database) {
  return {
    close: database.prepare<OrderRow & { now: number }>(
      `UPDATE obligations SET state = 'done', confirmed_at = @now, last_error = NULL WHERE ${SAME_ORDER}`,
    ),
    postpone: database.prepare<OrderRow & { at: number; state: string; last_error: string | null }>(
      `UPDATE obligations SET state = @state, attempts = attempts + 1, next_attempt_at = @at,
       last_error = COALESCE(@last_error, last_error) WHERE ${SAME_ORDER}`,
    ),
    // What is owed already stays the same order: an answer to it may be under way.
    owe: database.prepare<{ file_id: string; store_id: string; operation: string; now: number }>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       SELECT file_id, @store_id, 'present', @operation, 1, 'pending', @now, @now, file_size
       FROM files WHERE file_id = @file_id
       ON CONFLICT (file_id, store_id) DO UPDATE
       SET next_attempt_at = CASE state WHEN 'done' THEN @now ELSE MIN(next_attempt_at, @now) END,
           generation = CASE state WHEN 'done' THEN generation + 1 ELSE generation END,
           operation = CASE state WHEN 'done' THEN @operation ELSE operation END,
           attempts = CASE state WHEN 'done' THEN 0 ELSE attempts END,
           since = CASE state WHEN 'done' THEN @now ELSE since END,
           size = excluded.size, confirmed_at = NULL,
           state = CASE state WHEN 'done' THEN 'pending' ELSE state END
       WHERE want = 'present'`,
    ),
    oweDelete: database.prepare<{ file_id: string; store_id: string; now: number }>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       SELECT @file_id, @store_id, 'absent', 'delete', 1, 'pending', @now, @now, 0
       WHERE NOT EXISTS (SELECT 1 FROM files WHERE file_id = @file_id) AND ${NOT_EXPIRING}
       ON CONFLICT (file_id, store_id) DO UPDATE
       SET want = 'absent', operation = 'delete', generation = generation + 1, state = 'pending', next_attempt_at = @now,
           since = @now, size = 0, attempts = 0, last_error = NULL, confirmed_at = NULL
       WHERE want = 'present' OR state = 'done'`,
    ),
    // A repair that is owed already is more than a verification.
    oweAnew: database.prepare<NewOrder>(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       SELECT file_id, @store_id, 'present', @operation, 1, 'pending', @now, @now, file_size
       FROM files WHERE file_id = @file_id
       ON CONFLICT (file_id, store_id) DO UPDATE
       SET operation = CASE WHEN state <> 'done' AND operation = 'repair' THEN operation ELSE @operation END,
           since = CASE state WHEN 'done' THEN @now ELSE since END,
           size = excluded.size, ${ORDERED_ANEW}
       WHERE want = 'present'`,
    ),
    oweDeleteAnew: database.prepare<NewOrder>(
      `UPDATE obligations
       SET operation = @operation, since = CASE state WHEN 'done' THEN @now ELSE since END, ${ORDERED_ANEW}
       WHERE file_id = @file_id AND store_id = @store_id AND want = 'absent' AND state <> 'expiring'`,
    ),
    makeDueNow: database.prepare<Page>(
      `UPDATE obligations SET next_attempt_at = @now WHERE store_id = @store_id AND file_id IN (
         SELECT file_id FROM obligations
         WHERE store_id = @store_id AND ${OWED} AND next_attempt_at > @now LIMIT @limit)`,
    ),
    rejuvenate: database.prepare<{ store_id: string; now: number; latest: number }>(
      `UPDATE obligations SET next_attempt_at = @now
       WHERE store_id = @store_id AND ${OWED} AND next_attempt_at > @latest`,
    ),
    forget: database.prepare<{ store_id: string; limit: number }>(
      `DELETE FROM obligations WHERE store_id = @store_id AND file_id IN (
         SELECT file_id FROM obligations WHERE store_id = @store_id LIMIT @limit)`,
    ),
  };
}
