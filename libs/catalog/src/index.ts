/** The catalog: an index over the stores, in SQLite through TypeORM. */
export { Catalog } from './catalog.js';
export type { CatalogBatch, CatalogChange, ListPosition, Obligation } from './catalog.js';
export type { FileEntry } from './file-entry.js';
export { createCatalog, openCatalog, setCatalogAside } from './open-catalog.js';
export type { CatalogReading } from './open-catalog.js';
