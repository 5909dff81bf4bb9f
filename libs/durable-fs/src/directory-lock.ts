/**
 * One process per directory, enforced by the kernel: the holder keeps an exclusive SQLite transaction open on
 * `<directory>/LOCK`. The kernel drops the file lock with the process, however it dies, so there is no stale lock to
 * judge, as there is with a pid file. `LOCK.holder.json` beside it only tells people who holds it; it may be stale or
 * missing and is never consulted to decide.
 *
 * SQLite's locks are POSIX record locks: they belong to the process, and closing ANY descriptor of the file drops them.
 * SQLite takes care of that among its own connections; so within the holding process nothing but this module may open
 * `LOCK`, not even to read it. The file is never removed: a remover would race with the next holder.
 */
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { isDiskFull, StoreError } from '#libs/kernel';

export interface LockHolder {
  readonly pid: number;
  readonly host: string;
  readonly startedAtMs: number;
}

export interface DirectoryLock {
  readonly directory: string;
  /** Frees the directory at once; a second call does nothing. */
  release(): void;
}

/** Keeps every held connection reachable: a collected one would be closed, and its lock dropped without a word. */
const heldConnections = new Set<Database.Database>();

/**
 * Takes the lock of an existing directory without waiting.
 *
 * Throws `directory_locked`, naming the holder as far as it is known, where this or another process has it, and
 * `setting_invalid` where `LOCK` is no lock.
 */
export function acquireDirectoryLock(directory: string, holder: LockHolder): DirectoryLock {
  const holderPath = join(directory, 'LOCK.holder.json');
  const connection = openLocked(join(directory, 'LOCK'));
  if (connection === undefined) throw lockedError(directory, readHolder(holderPath));
  heldConnections.add(connection);
  const release = () => {
    if (!heldConnections.delete(connection)) return;
    // While the lock is still held: afterwards the file could be the next holder's.
    forget(holderPath);
    connection.close();
  };
  try {
    writeHolder(holderPath, holder);
  } catch (error) {
    release();
    throw error;
  }
  return { directory, release };
}

/** `undefined` where another connection, of any process, has the lock. */
function openLocked(lockPath: string): Database.Database | undefined {
  const connection = new Database(lockPath, { timeout: 0 });
  try {
    // Nothing is ever committed, so there is nothing to roll back from a journal file and no reason to leave one.
    connection.pragma('journal_mode = MEMORY');
    connection.exec('BEGIN EXCLUSIVE');
    return connection;
  } catch (error) {
    connection.close();
    const code = error instanceof Database.SqliteError ? error.code : '';
    if (code.startsWith('SQLITE_BUSY')) return undefined;
    if (code.startsWith('SQLITE_NOTADB') || code.startsWith('SQLITE_CORRUPT')) throw notOurs(lockPath, error);
    throw error;
  }
}

/** A server on a full disk must still start, for deletes free space: the note is left out, and a stale one with it. */
function writeHolder(holderPath: string, holder: LockHolder): void {
  const note = { pid: holder.pid, host: holder.host, started_at: holder.startedAtMs };
  const temporaryPath = `${holderPath}.tmp`;
  try {
    writeFileSync(temporaryPath, `${JSON.stringify(note)}\n`);
    renameSync(temporaryPath, holderPath);
  } catch (error) {
    forget(temporaryPath);
    forget(holderPath);
    if (!isDiskFull(error)) throw error;
  }
}

/** Never throws: a note decides nothing, and where a disk cannot be written, the first failure is the one to tell. */
function forget(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Stale, as a kill would leave it.
  }
}

function readHolder(holderPath: string): LockHolder | undefined {
  let note: unknown;
  try {
    note = JSON.parse(readFileSync(holderPath, 'utf8'));
  } catch {
    // Missing, unreadable or half a file: the refusal stands either way, it only cannot name the holder.
    return undefined;
  }
  if (typeof note !== 'object' || note === null) return undefined;
  const { pid, host, started_at: startedAtMs } = note as Record<string, unknown>;
  if (typeof pid !== 'number' || typeof host !== 'string' || typeof startedAtMs !== 'number') return undefined;
  return { pid, host, startedAtMs };
}

/** It is empty as long as it is ours, and holds nothing that anybody could miss. */
function notOurs(lockPath: string, cause: unknown): StoreError {
  const message = `${lockPath} holds something else than our lock; move it away while no server runs there.`;
  return new StoreError('setting_invalid', message, { context: { path: lockPath }, cause });
}

function lockedError(directory: string, holder: LockHolder | undefined): StoreError {
  if (holder === undefined) {
    const message = `${directory} is in use by another process that left no note of itself; stop it first.`;
    return new StoreError('directory_locked', message, { context: { directory } });
  }
  const { pid, host, startedAtMs } = holder;
  // Not `toISOString`, which throws on a date that a damaged note put out of range.
  const since = new Date(startedAtMs).toJSON() ?? 'an unknown time';
  const message = `${directory} is in use by process ${pid} on ${host} since ${since}; stop that process first.`;
  return new StoreError('directory_locked', message, { context: { directory, pid, host, started_at: startedAtMs } });
}
