/**
 * The catalog's side of garbage: which chunks had no reference when somebody looked, and since when. A row is a hint: a
 * chunk that was uploaded again keeps its row until the collection meets it, so that no upload pays for it. What decides
 * is `isReferenced`, at the moment of the collection. Rows that are lost cost nothing either: the sweep notes them again.
 */
import type { ChunkId, FileId } from '#libs/kernel';
import type Database from 'better-sqlite3';

export interface GarbageChunk {
  readonly chunkId: ChunkId;
  /** From when on the chunk is known to be without a reference. */
  readonly sinceMs: number;
}

export interface GarbageQuery {
  /** The last row of the page before; absent for the first page. */
  readonly after?: GarbageChunk | undefined;
  /** The youngest rows wanted. */
  readonly untilMs: number;
  readonly limit: number;
}

/**
 * `damaged_manifests`: some files could not be read while this catalog was built. `log_was_gone`: some may have been in it
 * alone. `unseen_replicas`: some may be known to a replica alone, and not every store has been looked at since.
 */
export type CollectionHold = 'damaged_manifests' | 'log_was_gone' | 'unseen_replicas';

export class Garbage {
  readonly #statements: ReturnType<typeof prepareStatements>;
  readonly #inTransaction: (work: () => void) => void;

  constructor(database: Database.Database) {
    this.#statements = prepareStatements(database);
    this.#inTransaction = database.transaction((work: () => void) => work());
  }

  /** Notes the chunks that only this file refers to; called in the transaction that then drops its references. */
  leftBy(fileId: FileId, nowMs: number): void {
    this.#statements.leftBy.run({ file_id: fileId, now: nowMs });
  }

  /** Notes those of the chunks that have no reference and are not noted yet; answers with how many these were. */
  note(chunkIds: readonly ChunkId[], nowMs: number): number {
    let noted = 0;
    this.#inTransaction(() => {
      for (const chunkId of chunkIds) noted += this.#statements.note.run({ chunk_id: chunkId, now: nowMs }).changes;
    });
    return noted;
  }

  /** Whether the collection has it on its list. */
  isNoted(chunkId: ChunkId): boolean {
    return this.#statements.isNoted.get(chunkId) !== undefined;
  }

  isReferenced(chunkId: ChunkId): boolean {
    return this.#statements.isReferenced.get(chunkId) !== undefined;
  }

  /** Rows in the order of (age, id), oldest first. */
  page({ after, untilMs, limit }: GarbageQuery): GarbageChunk[] {
    const position = { since: after?.sinceMs ?? -1, chunk_id: after?.chunkId ?? '' };
    return this.#statements.page
      .all({ ...position, until: untilMs, limit })
      .map((row) => ({ chunkId: row.chunk_id as ChunkId, sinceMs: row.since }));
  }

  forget(chunkIds: readonly ChunkId[]): void {
    if (chunkIds.length === 0) return;
    this.#inTransaction(() => {
      for (const chunkId of chunkIds) this.#statements.forget.run(chunkId);
    });
  }

  /** After the clock was put back: what was noted in a time that has not come yet would have to wait for it. */
  rejuvenate(nowMs: number): void {
    this.#statements.rejuvenate.run({ now: nowMs });
  }

  /** From now on the catalog says that references may be missing in it. */
  hold(reason: CollectionHold, nowMs: number): void {
    this.#statements.hold.run({ reason, now: nowMs });
  }

  release(reason: CollectionHold): void {
    this.#statements.release.run(reason);
  }

  holds(): CollectionHold[] {
    return this.#statements.holds.all().map(({ reason }) => reason as CollectionHold);
  }
}

function prepareStatements(database: Database.Database) {
  return {
    leftBy: database.prepare<{ file_id: string; now: number }>(
      `INSERT INTO garbage (chunk_id, since)
       SELECT chunk_id, @now FROM chunk_refs AS own
       WHERE own.owner_id = @file_id AND own.owner_kind = 'file' AND NOT EXISTS (
         SELECT 1 FROM chunk_refs AS other
         WHERE other.chunk_id = own.chunk_id AND (other.owner_kind, other.owner_id) <> ('file', @file_id))
       ON CONFLICT (chunk_id) DO UPDATE SET since = excluded.since`,
    ),
    note: database.prepare<{ chunk_id: string; now: number }>(
      `INSERT OR IGNORE INTO garbage (chunk_id, since)
       SELECT @chunk_id, @now WHERE NOT EXISTS (SELECT 1 FROM chunk_refs WHERE chunk_id = @chunk_id)`,
    ),
    isReferenced: database.prepare<[string], object>('SELECT 1 FROM chunk_refs WHERE chunk_id = ? LIMIT 1'),
    isNoted: database.prepare<[string], object>('SELECT 1 FROM garbage WHERE chunk_id = ?'),
    page: database.prepare<
      { since: number; chunk_id: string; until: number; limit: number },
      { chunk_id: string; since: number }
    >(
      `SELECT chunk_id, since FROM garbage
       WHERE (since, chunk_id) > (@since, @chunk_id) AND since <= @until ORDER BY since, chunk_id LIMIT @limit`,
    ),
    forget: database.prepare<[string]>('DELETE FROM garbage WHERE chunk_id = ?'),
    rejuvenate: database.prepare<{ now: number }>('UPDATE garbage SET since = @now WHERE since > @now'),
    hold: database.prepare<{ reason: string; now: number }>(
      'INSERT OR IGNORE INTO collection_holds (reason, since) VALUES (@reason, @now)',
    ),
    release: database.prepare<[string]>('DELETE FROM collection_holds WHERE reason = ?'),
    holds: database.prepare<[], { reason: string }>('SELECT reason FROM collection_holds ORDER BY reason'),
  };
}
