/** The catalog: an index over the stores, in SQLite through TypeORM. */
export type { Catalog, CatalogBatch, CatalogChange, ListPosition } from './catalog.js';
export { catalogFilesAt } from './catalog-files.js';
export type { CatalogFiles } from './catalog-files.js';
export type { DamagedFile, DamagedObject } from './damage.js';
export type { ExpiringDeletes } from './expiring-deletes.js';
export type { FileEntry } from './file-entry.js';
export type { CollectionHold, Garbage, GarbageChunk } from './garbage.js';
export type { Obligations } from './obligations.js';
export type {
  Closing,
  DueObligation,
  Obligation,
  ObligationOperation,
  OldOrders,
  Postponement,
  StoreLoad,
  Want,
} from './obligations.js';
export { createCatalog, openCatalog, setCatalogAside } from './load-catalog.js';
export type { CatalogReading } from './open-catalog.js';
export type { ScrubRecord } from './scrubs.js';
export type { ListedKind, MissingChunk, MissingRecord, StoreListing } from './store-listing.js';
export type { UnknownChunks } from './unknown-chunks.js';
export { catalogLook } from './read-catalog.js';
export type { CatalogedFile, CatalogLook, CatalogSight, CatalogView } from './read-catalog.js';
