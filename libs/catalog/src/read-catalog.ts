/**
 * Reads a catalog that nobody has open, and leaves it as it is: no migration, no SQLite checkpoint, no file beside it that
 * was not there. For commands on a stopped server, which may not settle anything before somebody has agreed.
 */
import type { FileSystem } from '#libs/durable-fs';
import type { ClusterId, FileId, LogId, Lsn } from '#libs/kernel';
import Database from 'better-sqlite3';
import { catalogExists } from './catalog-file.js';

export interface CatalogedFile {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly lsn: Lsn;
}

export interface CatalogView {
  readonly clusterId: ClusterId;
  /** Last LSN of that log in this catalog, or undefined where it knows no such log. */
  appliedLsn(logId: LogId): Lsn | undefined;
  /** The highest LSN of any log in this catalog; 0 where there is none. */
  highestAppliedLsn(): Lsn;
  hasFile(fileId: FileId): boolean;
  /** Files that records of that log above `after` made, by LSN. */
  filesAbove(logId: LogId, after: Lsn): CatalogedFile[];
}

export type CatalogSight =
  { readonly ok: true; readonly catalog: CatalogView } | { readonly ok: false; readonly reason: 'missing' | 'corrupt' };

/** Where somebody may look into the catalog while nothing else has it. */
export interface CatalogLook {
  /** Throws `setting_invalid` where something else than a catalog has that name. */
  <Result>(look: (sight: CatalogSight) => Promise<Result>): Promise<Result>;
}

/** SQLite makes these even for a reader, and only a writer removes them. */
const COMPANIONS = ['-wal', '-shm'];

/** Opens the catalog at `path` for the time that `look` takes. */
export function catalogLook(fs: FileSystem, path: string): CatalogLook {
  return async (look) => {
    if (!(await catalogExists(fs, path))) return look({ ok: false, reason: 'missing' });
    const strange = await missingCompanions(fs, path);
    let database: Database.Database | undefined;
    try {
      let sight: CatalogSight;
      try {
        database = new Database(path, { readonly: true, fileMustExist: true, timeout: 0 });
        sight = viewOf(database);
      } catch (error) {
        if (!(error instanceof Database.SqliteError) || !meansDamage(error)) throw error;
        sight = { ok: false, reason: 'corrupt' };
      }
      return await look(sight);
    } finally {
      database?.close();
      for (const companion of strange) if ((await fs.stat(companion)) !== undefined) await fs.unlink(companion);
    }
  };
}

async function missingCompanions(fs: FileSystem, path: string): Promise<string[]> {
  const missing: string[] = [];
  for (const suffix of COMPANIONS) {
    if ((await fs.stat(`${path}${suffix}`)) === undefined) missing.push(`${path}${suffix}`);
  }
  return missing;
}

/** As a boot sees it: what cannot be read whole, or does not say whose it is, is rebuilt and proves nothing. */
function viewOf(database: Database.Database): CatalogSight {
  const [finding] = database.pragma('quick_check(1)') as { quick_check: string }[];
  const identity = database
    .prepare<[], { cluster_id: string }>('SELECT cluster_id FROM catalog_identity LIMIT 1')
    .get();
  if (finding?.quick_check !== 'ok' || identity === undefined) return { ok: false, reason: 'corrupt' };
  const applied = database.prepare<[string], { applied_lsn: number }>('SELECT applied_lsn FROM logs WHERE log_id = ?');
  const highest = database.prepare<[], { lsn: number | null }>('SELECT max(applied_lsn) AS lsn FROM logs');
  const file = database.prepare<[string], unknown>('SELECT 1 FROM files WHERE file_id = ?');
  const above = database.prepare<[string, number], { file_id: string; file_name: string; lsn: number }>(
    'SELECT file_id, file_name, lsn FROM files WHERE log_id = ? AND lsn > ? ORDER BY lsn',
  );
  const catalog: CatalogView = {
    clusterId: identity.cluster_id as ClusterId,
    appliedLsn: (logId) => applied.get(logId)?.applied_lsn as Lsn | undefined,
    highestAppliedLsn: () => (highest.get()?.lsn ?? 0) as Lsn,
    hasFile: (fileId) => file.get(fileId) !== undefined,
    filesAbove: (logId, after) =>
      above.all(logId, after).map(({ file_id, file_name, lsn }) => ({
        fileId: file_id as FileId,
        fileName: file_name,
        lsn: lsn as Lsn,
      })),
  };
  return { ok: true, catalog };
}

/** `SQLITE_ERROR`: a table is missing. */
function meansDamage({ code }: { readonly code: string }): boolean {
  return code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB') || code === 'SQLITE_ERROR';
}
