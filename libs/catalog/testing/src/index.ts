/** What tests of other libraries do to a catalog's file from outside, and a place of catalogs whose power may be cut. */
import Database from 'better-sqlite3';

export { ModelledCatalogs } from './modelled-catalogs.js';
export type { CatalogBoundary, CatalogImage } from './modelled-catalogs.js';

/** Marks everything that is owed as done, as the results of copies will. */
export function settleObligations(catalogPath: string): void {
  const database = new Database(catalogPath);
  database.exec("UPDATE obligations SET state = 'done'");
  database.close();
}

/** Opens a read transaction on the catalog's file, as a curious operator may; it keeps SQLite from checkpointing. */
export function holdReadTransaction(catalogPath: string): { release(): void } {
  const reader = new Database(catalogPath, { readonly: true });
  reader.exec('BEGIN');
  reader.prepare('SELECT COUNT(*) FROM files').get();
  return { release: () => void reader.close() };
}
