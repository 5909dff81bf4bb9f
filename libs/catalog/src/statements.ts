/** The prepared SQL of the hot paths, in one place, against the schema of the migration. */
import type Database from 'better-sqlite3';

const FILE_COLUMNS =
  'file_id, file_name, file_size, content_type, sha256, chunk_size, chunk_count, created_at, log_id, lsn, mode, wait';

export interface FileRow {
  file_id: string;
  file_name: string;
  file_size: number;
  content_type: string;
  sha256: string;
  chunk_size: number;
  chunk_count: number;
  created_at: number;
  log_id: string;
  lsn: number;
  mode: string;
  wait: number;
}

export interface Order {
  file_id: string;
  store_id: string;
  want: string;
  operation: string;
  size: number;
  now: number;
}

type Statement<Parameters extends unknown[], Row = unknown> = Database.Statement<Parameters, Row>;

export interface Statements {
  readonly putFile: Statement<[FileRow]>;
  readonly deleteFile: Statement<[string]>;
  readonly putIdempotencyKey: Statement<[string, string]>;
  readonly deleteIdempotencyKeys: Statement<[string]>;
  readonly getFileByKey: Statement<[string], FileRow>;
  readonly putChunkRef: Statement<[string, string]>;
  readonly deleteChunkRefs: Statement<[string]>;
  readonly oblige: Statement<[Order]>;
  readonly setApplied: Statement<[string, number]>;
  readonly getApplied: Statement<[string], { applied_lsn: number }>;
  readonly highestApplied: Statement<[], { applied_lsn: number | null }>;
  readonly countChanges: Statement<[], { changes: number }>;
  readonly getFile: Statement<[string], FileRow>;
  readonly filesWithChunk: Statement<[string, number], { file_id: string }>;
  readonly listFiles: Statement<[{ name: string; id: string; limit: number }], FileRow>;
}

export function prepareStatements(database: Database.Database): Statements {
  const fileParameters = FILE_COLUMNS.replaceAll(/\w+/g, '@$&');
  return {
    putFile: database.prepare(`INSERT OR REPLACE INTO files (${FILE_COLUMNS}) VALUES (${fileParameters})`),
    deleteFile: database.prepare('DELETE FROM files WHERE file_id = ?'),
    putIdempotencyKey: database.prepare(
      'INSERT OR IGNORE INTO idempotency_keys (idempotency_key, file_id) VALUES (?, ?)',
    ),
    deleteIdempotencyKeys: database.prepare('DELETE FROM idempotency_keys WHERE file_id = ?'),
    getFileByKey: database.prepare(
      `SELECT ${FILE_COLUMNS} FROM files
       WHERE file_id = (SELECT MIN(file_id) FROM idempotency_keys WHERE idempotency_key = ?)`,
    ),
    putChunkRef: database.prepare(
      "INSERT OR IGNORE INTO chunk_refs (chunk_id, owner_kind, owner_id) VALUES (?, 'file', ?)",
    ),
    deleteChunkRefs: database.prepare("DELETE FROM chunk_refs WHERE owner_id = ? AND owner_kind = 'file'"),
    oblige: database.prepare(
      `INSERT INTO obligations (file_id, store_id, want, operation, generation, state, next_attempt_at, since, size)
       VALUES (@file_id, @store_id, @want, @operation, 1, 'pending', @now, @now, @size)
       ON CONFLICT (file_id, store_id) DO UPDATE
       SET want = @want, operation = @operation, generation = generation + 1, state = 'pending', next_attempt_at = @now,
           since = @now, size = @size, attempts = 0, last_error = NULL, confirmed_at = NULL`,
    ),
    setApplied: database.prepare(
      'INSERT INTO logs (log_id, applied_lsn) VALUES (?, ?) ON CONFLICT (log_id) DO UPDATE SET applied_lsn = excluded.applied_lsn',
    ),
    getApplied: database.prepare('SELECT applied_lsn FROM logs WHERE log_id = ?'),
    highestApplied: database.prepare('SELECT MAX(applied_lsn) AS applied_lsn FROM logs'),
    countChanges: database.prepare('SELECT total_changes() AS changes'),
    getFile: database.prepare(`SELECT ${FILE_COLUMNS} FROM files WHERE file_id = ?`),
    filesWithChunk: database.prepare(
      "SELECT owner_id AS file_id FROM chunk_refs WHERE chunk_id = ? AND owner_kind = 'file' LIMIT ?",
    ),
    listFiles: database.prepare(
      `SELECT ${FILE_COLUMNS} FROM files WHERE (file_name, file_id) > (@name, @id) ORDER BY file_name, file_id LIMIT @limit`,
    ),
  };
}
