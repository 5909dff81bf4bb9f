/**
 * The catalog: an index over what the stores hold and what is owed to them. Losing it costs time, not truth. It changes
 * only by `apply`, one transaction a batch, with the applied LSN inside it, so that it is always the effect of a prefix
 * of the log; `garbage`, `obligations` (with `expiringDeletes`), `scrubs` and `damage`, which nobody's file depends on, are
 * also written by the maintenance and by replication.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { CatalogId, ChunkId, ClusterId, FileId, LogId, Lsn, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';
import type { DataSource } from 'typeorm';
import { driverOf } from './catalog-source.js';
import { Damage } from './damage.js';
import { IdentityEntity } from './entities/identity.entity.js';
import { ExpiringDeletes } from './expiring-deletes.js';
import type { FileEntry } from './file-entry.js';
import { toEntry, toRow } from './file-row.js';
import { Garbage } from './garbage.js';
import { Obligations } from './obligations.js';
import { Scrubs } from './scrubs.js';
import { prepareStatements } from './statements.js';
import type { Statements } from './statements.js';
import { StoreListings } from './store-listing.js';
import { UnknownChunks } from './unknown-chunks.js';

export type CatalogChange =
  | {
      readonly kind: 'put';
      readonly entry: FileEntry;
      readonly chunkIds: Iterable<ChunkId>;
      readonly idempotencyKey?: string | undefined;
    }
  | { readonly kind: 'delete'; readonly fileId: FileId };

type PutChange = Extract<CatalogChange, { kind: 'put' }>;

export interface CatalogBatch {
  readonly changes: readonly CatalogChange[];
  readonly logId: LogId;
  /** Last LSN of the batch. */
  readonly appliedLsn: Lsn;
  /** Every store that owes a copy, or its removal, of each file changed. */
  readonly replicaIds: readonly StoreId[];
  readonly nowMs: number;
  /** What a put orders; `verify` where the replica may hold the file already, as after a rebuild. */
  readonly putOperation?: 'copy' | 'verify';
}

export interface ListPosition {
  readonly fileName: string;
  readonly fileId: string;
}

export class Catalog {
  readonly catalogId: CatalogId;
  readonly clusterId: ClusterId;
  readonly garbage: Garbage;
  readonly unknownChunks: UnknownChunks;
  readonly obligations: Obligations;
  readonly expiringDeletes: ExpiringDeletes;
  readonly scrubs: Scrubs;
  readonly damage: Damage;
  readonly listings: StoreListings;
  readonly #source: DataSource;
  readonly #database: Database.Database;
  readonly #statements: Statements;
  readonly #applyInTransaction: (batch: CatalogBatch) => void;
  #inDoubt = false;
  #durableChanges: number | undefined;

  private constructor(source: DataSource, identity: IdentityEntity) {
    this.#source = source;
    this.#database = driverOf(source);
    this.#statements = prepareStatements(this.#database);
    this.garbage = new Garbage(this.#database);
    this.unknownChunks = new UnknownChunks(this.#database);
    this.obligations = new Obligations(this.#database);
    this.expiringDeletes = new ExpiringDeletes(this.#database);
    this.scrubs = new Scrubs(this.#database);
    this.damage = new Damage(this.#database);
    this.listings = new StoreListings(this.#database);
    this.catalogId = identity.catalogId as CatalogId;
    this.clusterId = identity.clusterId as ClusterId;
    this.#applyInTransaction = this.#database.transaction((batch: CatalogBatch) => this.#applyChanges(batch));
  }

  /** Wraps an initialised source. Throws `store_unreadable` where the catalog does not say whose it is. */
  static async over(source: DataSource): Promise<Catalog> {
    const [identity] = await source.getRepository(IdentityEntity).find();
    if (identity === undefined) throw new StoreError('store_unreadable', 'The catalog does not say whose it is.');
    return new Catalog(source, identity);
  }

  apply(batch: CatalogBatch): void {
    this.#applyInTransaction(batch);
  }

  /** Last LSN of that log in this catalog, or undefined where it knows no such log. */
  appliedLsn(logId: LogId): Lsn | undefined {
    return this.#statements.getApplied.get(logId)?.applied_lsn as Lsn | undefined;
  }

  /** The highest LSN of any log in this catalog; 0 where there is none. */
  highestAppliedLsn(): Lsn {
    return (this.#statements.highestApplied.get()?.applied_lsn ?? 0) as Lsn;
  }

  findFile(fileId: FileId): FileEntry | undefined {
    const row = this.#statements.getFile.get(fileId);
    return row === undefined ? undefined : toEntry(row);
  }

  /** The file that was uploaded under that key and is not deleted. */
  findFileByKey(idempotencyKey: string): FileEntry | undefined {
    const row = this.#statements.getFileByKey.get(idempotencyKey);
    return row === undefined ? undefined : toEntry(row);
  }

  /** Files that need this chunk, behind `after` in the order of their ids. */
  filesOfChunk(chunkId: ChunkId, page: { readonly after: FileId | undefined; readonly limit: number }): FileId[] {
    const position = { chunk_id: chunkId, after: page.after ?? '', limit: page.limit };
    return this.#statements.filesOfChunk.all(position).map(({ file_id }) => file_id as FileId);
  }

  /** Files behind `position` in the order of (name bytes, id). */
  listFiles({ fileName, fileId }: ListPosition, limit: number): FileEntry[] {
    return this.#statements.listFiles.all({ name: fileName, id: fileId, limit }).map(toEntry);
  }

  /**
   * Makes every transaction so far durable. Throws where SQLite could not move all of its log; where `inDoubt` is true
   * behind that, the disk failed, and asking again proves nothing.
   */
  makeDurable(): void {
    let rows;
    try {
      rows = this.#database.pragma('wal_checkpoint(TRUNCATE)') as { busy: number }[];
    } catch (error) {
      this.#inDoubt ||= isIoFailure(error);
      throw error;
    }
    if (rows[0]?.busy !== 0) {
      throw new StoreError('internal', 'SQLite could not checkpoint the catalog: something else reads it.');
    }
    this.#durableChanges = this.#statements.countChanges.get()?.changes;
  }

  /** Whether anything was written since `makeDurable`. */
  get hasUnsyncedChanges(): boolean {
    return this.#statements.countChanges.get()?.changes !== this.#durableChanges;
  }

  /** A checkpoint has failed on the disk: what SQLite's files show may be nowhere but in the page cache. */
  get inDoubt(): boolean {
    return this.#inDoubt;
  }

  /** One in doubt stays open to the end of the process, because SQLite takes a checkpoint of its own when it is closed. */
  async close(): Promise<void> {
    if (!this.#inDoubt) await this.#source.destroy();
  }

  #applyChanges({ changes, logId, appliedLsn, replicaIds, nowMs, putOperation = 'copy' }: CatalogBatch): void {
    for (const change of changes) {
      if (change.kind === 'put') this.#putFile(change);
      else this.#deleteFile(change.fileId, nowMs);
      const order =
        change.kind === 'put'
          ? { file_id: change.entry.fileId, want: 'present', operation: putOperation, size: change.entry.fileSize }
          : { file_id: change.fileId, want: 'absent', operation: 'delete', size: 0 };
      for (const storeId of replicaIds) this.#statements.oblige.run({ ...order, store_id: storeId, now: nowMs });
    }
    this.#statements.setApplied.run(logId, appliedLsn);
  }

  #putFile({ entry, chunkIds, idempotencyKey }: PutChange): void {
    this.#statements.putFile.run(toRow(entry));
    if (idempotencyKey !== undefined) this.#statements.putIdempotencyKey.run(idempotencyKey, entry.fileId);
    for (const chunkId of chunkIds) this.#statements.putChunkRef.run(chunkId, entry.fileId);
  }

  #deleteFile(fileId: FileId, nowMs: number): void {
    this.#statements.deleteFile.run(fileId);
    this.#statements.deleteIdempotencyKeys.run(fileId);
    this.garbage.leftBy(fileId, nowMs);
    this.#statements.deleteChunkRefs.run(fileId);
  }
}

/** A failed sync is one of these. A full disk is none: it leaves SQLite's log as it was, for the next attempt. */
function isIoFailure(error: unknown): boolean {
  return systemErrorCode(error)?.startsWith('SQLITE_IOERR') ?? false;
}
