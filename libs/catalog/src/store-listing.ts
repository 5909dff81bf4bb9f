/**
 * What a store lists, beside what it must hold, so that SQL can tell the difference: a scratch database that SQLite keeps
 * in an unnamed file of its own and drops with `drop` or with the process. It is no part of the catalog's file or log, and
 * memory stays flat however much is listed. Every answer is a page of bounded work.
 *
 * What is found here is a difference between a listing and a catalog of two moments: whoever acts on one looks again.
 */
import type { ChunkId, FileId, StoreId } from '#libs/kernel';
import type Database from 'better-sqlite3';
import { prepareListingStatements, shardOf } from './listing-statements.js';
import type { ListedKind, ListingStatements } from './listing-statements.js';

export type { ListedKind } from './listing-statements.js';

export interface ListingOptions {
  readonly storeId: StoreId;
  /** The primary must hold every file and every tombstone; a replica what it has confirmed. */
  readonly role: 'primary' | 'replica';
  /** What was confirmed since may have come, or gone, behind the listing. */
  readonly startedAtMs: number;
}

export interface PageQuery<Id extends string> {
  /** Where the page before ended; absent for the first page. */
  readonly after?: Id | undefined;
  /** Rows looked at, of which most are no difference. */
  readonly limit: number;
}

export interface Differences<Found, Id extends string> {
  readonly found: readonly Found[];
  /** To be passed as `after`; undefined where this was the last page. */
  readonly next: Id | undefined;
}

export interface MissingRecord {
  readonly fileId: FileId;
  readonly kind: 'manifest' | 'tombstone';
}

export interface MissingChunk {
  readonly chunkId: ChunkId;
  /** A file that needs it there. */
  readonly fileId: FileId;
}

/** More never run at once: the timer's, and an operator's. */
const MAX_OPEN = 8;

export class StoreListings {
  readonly #database: Database.Database;
  readonly #open = new Set<string>();

  constructor(database: Database.Database) {
    this.#database = database;
  }

  /** Whoever opens one drops it. */
  open(options: ListingOptions): StoreListing {
    const schema = Array.from({ length: MAX_OPEN }, (_, index) => `listing_${index}`).find(
      (name) => !this.#open.has(name),
    );
    if (schema === undefined) throw new Error('too many listings are compared at once');
    this.#database.exec(`ATTACH '' AS ${schema}`);
    this.#open.add(schema);
    return new StoreListing(this.#database, {
      ...options,
      schema,
      dropped: () => this.#open.delete(schema),
    });
  }
}

interface OpenListing extends ListingOptions {
  readonly schema: string;
  readonly dropped: () => void;
}

export class StoreListing {
  readonly #database: Database.Database;
  readonly #options: OpenListing;
  readonly #statements: ListingStatements;
  readonly #addInTransaction: (kind: ListedKind, ids: readonly string[]) => void;
  #isDropped = false;

  constructor(database: Database.Database, options: OpenListing) {
    this.#database = database;
    this.#options = options;
    this.#statements = prepareListingStatements(database, options.schema);
    this.#addInTransaction = database.transaction((kind: ListedKind, ids: readonly string[]) => {
      for (const id of ids) this.#statements.add.run(kind, shardOf(kind, id), id);
    });
  }

  /** A page of the listing; in any order, also twice, but quick only in the order of a store (`shard/id`). */
  add(kind: ListedKind, ids: readonly string[]): void {
    this.#addInTransaction(kind, ids);
  }

  /** Manifests and tombstones that must be there and were not listed. */
  missingRecords({ after = '' as FileId, limit }: PageQuery<FileId>): Differences<MissingRecord, FileId> {
    const { endOfRows, missingOnReplica, endOfFiles, missingManifests } = this.#statements;
    const { role, storeId, startedAtMs } = this.#options;
    const until = (role === 'primary' ? endOfFiles : endOfRows).get({ after, limit })?.until ?? undefined;
    if (until === undefined) return { found: [], next: undefined };
    const range = { after, until };
    const rows =
      role === 'primary'
        ? missingManifests.all(range)
        : missingOnReplica.all({ ...range, store_id: storeId, before: startedAtMs });
    return { found: rows.map(recordOf), next: until as FileId };
  }

  /** Of the primary: tombstones of which some store was told, and that were not listed. */
  missingTombstones({ after = '' as FileId, limit }: PageQuery<FileId>): Differences<MissingRecord, FileId> {
    const until = this.#statements.endOfRows.get({ after, limit })?.until ?? undefined;
    if (until === undefined) return { found: [], next: undefined };
    const found = this.#statements.missingTombstones.all({ after, until }).map(recordOf);
    return { found, next: until as FileId };
  }

  /** Chunks that a file of this store needs and that were not listed. */
  missingChunks({ after = '' as ChunkId, limit }: PageQuery<ChunkId>): Differences<MissingChunk, ChunkId> {
    const { neededChunks, ownerOnReplica, ownerOfPrimary } = this.#statements;
    const { role, storeId, startedAtMs } = this.#options;
    const rows = neededChunks.all({ after, limit });
    const found = rows.flatMap(({ id, is_listed }) => {
      if (is_listed === 1) return [];
      const owner =
        role === 'primary'
          ? ownerOfPrimary.get({ chunk_id: id, store_id: storeId })
          : ownerOnReplica.get({ chunk_id: id, store_id: storeId, before: startedAtMs });
      return owner === undefined ? [] : [{ chunkId: id as ChunkId, fileId: owner.id as FileId }];
    });
    return { found, next: rows.at(-1)?.id as ChunkId | undefined };
  }

  /** Manifests that were listed although there is no such file. */
  strayManifests(query: PageQuery<FileId>): Differences<FileId, FileId> {
    return this.#listedPage('manifest', query, (range) => this.#statements.strayManifests.all(range).map(fileIdOf));
  }

  /** Tombstones that were listed although the file is there; of a replica also those that it was never told of. */
  strayTombstones(query: PageQuery<FileId>): Differences<FileId, FileId> {
    const { strayTombstones, tombstonesOfFiles } = this.#statements;
    const { role, storeId } = this.#options;
    return this.#listedPage('tombstone', query, (range) =>
      (role === 'primary' ? tombstonesOfFiles.all(range) : strayTombstones.all({ ...range, store_id: storeId })).map(
        fileIdOf,
      ),
    );
  }

  /** Of the primary: tombstones that were listed and of which that replica was never told. */
  untoldTombstones(replicaId: StoreId, query: PageQuery<FileId>): Differences<FileId, FileId> {
    return this.#listedPage('tombstone', query, (range) =>
      this.#statements.untoldTombstones.all({ ...range, store_id: replicaId }).map(fileIdOf),
    );
  }

  /** Chunks that were listed although no file refers to them. */
  strayChunks(query: PageQuery<ChunkId>): Differences<ChunkId, ChunkId> {
    return this.#listedPage('chunk', query, (range) =>
      this.#statements.strayChunks.all(range).map(({ id }) => id as ChunkId),
    );
  }

  drop(): void {
    if (this.#isDropped) return;
    this.#isDropped = true;
    this.#options.dropped();
    // A closed database has dropped it.
    if (this.#database.open) this.#database.exec(`DETACH ${this.#options.schema}`);
  }

  /** In the order of the listing, which is not that of ids alone: behind the end of a shard comes the next one. */
  #listedPage<Found, Id extends string>(
    kind: ListedKind,
    { after, limit }: PageQuery<Id>,
    find: (range: { after: string; until: string; shard: string }) => Found[],
  ): Differences<Found, Id> {
    const { endOfListed, nextShard } = this.#statements;
    let position = { after: after ?? '', shard: after === undefined ? '' : shardOf(kind, after) };
    for (;;) {
      const until = endOfListed.get({ kind, ...position, limit })?.until ?? undefined;
      if (until !== undefined) return { found: find({ ...position, until }), next: until as Id };
      const shard = nextShard.get({ kind, shard: position.shard })?.shard ?? undefined;
      if (shard === undefined) return { found: [], next: undefined };
      position = { after: '', shard };
    }
  }
}

const fileIdOf = ({ id }: { id: string }): FileId => id as FileId;

function recordOf({ id, kind }: { id: string; kind: string }): MissingRecord {
  return { fileId: id as FileId, kind: kind as MissingRecord['kind'] };
}
