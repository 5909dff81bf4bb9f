/**
 * The way to a catalog for all others. TypeORM, the entities and the migrations are loaded with the first one that is opened
 * or made: they are half of what a command on the log would load, and it opens none.
 */
import type * as Opening from './open-catalog.js';

export const openCatalog: typeof Opening.openCatalog = async (fs, path) =>
  (await import('./open-catalog.js')).openCatalog(fs, path);

export const createCatalog: typeof Opening.createCatalog = async (fs, path, clusterId, fill) =>
  (await import('./open-catalog.js')).createCatalog(fs, path, clusterId, fill);

export const setCatalogAside: typeof Opening.setCatalogAside = async (fs, path, nowMs) =>
  (await import('./open-catalog.js')).setCatalogAside(fs, path, nowMs);

export const removeIfPresent: typeof Opening.removeIfPresent = async (fs, path) =>
  (await import('./open-catalog.js')).removeIfPresent(fs, path);
