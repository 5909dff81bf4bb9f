/**
 * Opening, making and replacing the catalog's file. A new catalog is filled under a temporary name and appears under its
 * own only when it is whole and durable, so that a crash while rebuilding leaves the old one, or none, and never half.
 */
import { makeDirectoryDurably } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { newUuid, StoreError, systemErrorCode } from '#libs/kernel';
import type { CatalogId, ClusterId } from '#libs/kernel';
import { dirname } from 'node:path';
import type { DataSource } from 'typeorm';
import { Catalog } from './catalog.js';
import { catalogExists } from './catalog-file.js';
import { catalogSource, driverOf } from './catalog-source.js';
import { IdentityEntity } from './entities/identity.entity.js';

/** SQLite keeps its own log and shared memory beside the database; they belong to it and go with it. */
const SQLITE_COMPANIONS = ['-wal', '-shm'];

export type CatalogReading =
  | { readonly ok: true; readonly catalog: Catalog }
  | { readonly ok: false; readonly reason: 'missing' | 'corrupt' | 'in_doubt'; readonly cause?: unknown };

/** Throws `setting_invalid` where something else than a catalog has that name: it is not touched. */
export async function openCatalog(fs: FileSystem, path: string): Promise<CatalogReading> {
  if (!(await catalogExists(fs, path))) return { ok: false, reason: 'missing' };
  return openSource(catalogSource(path));
}

/** Opens the database that is there, and reads all of it. */
export async function openSource(source: DataSource): Promise<CatalogReading> {
  try {
    const catalog = await Catalog.over(await source.initialize());
    assertSound(source);
    return { ok: true, catalog };
  } catch (cause) {
    if (source.isInitialized) await source.destroy();
    if (!isCorruption(cause)) throw cause;
    return { ok: false, reason: 'corrupt', cause };
  }
}

/** Makes a catalog at `path`, filled by `fill`, and opens it. An older file of that name is replaced in the last step. */
export async function createCatalog(
  fs: FileSystem,
  path: string,
  clusterId: ClusterId,
  fill: (catalog: Catalog) => Promise<void>,
): Promise<Catalog> {
  const temporaryPath = `${path}.building`;
  await makeDirectoryDurably(fs, dirname(path));
  for (const suffix of ['', ...SQLITE_COMPANIONS]) await removeIfPresent(fs, `${temporaryPath}${suffix}`);
  const source = await catalogSource(temporaryPath).initialize();
  try {
    await fillSource(source, clusterId, fill);
  } finally {
    await source.destroy();
  }
  // An old log beside the new file would be replayed into it: it must be gone, durably, before the name changes hands.
  for (const companion of SQLITE_COMPANIONS) await removeIfPresent(fs, `${path}${companion}`);
  await fs.syncDirectory(dirname(path));
  await fs.rename(temporaryPath, path);
  await fs.syncDirectory(dirname(path));
  return Catalog.over(await catalogSource(path).initialize());
}

/** Makes an initialised, empty source a catalog of that installation. */
export async function fillSource(
  source: DataSource,
  clusterId: ClusterId,
  fill: (catalog: Catalog) => Promise<void>,
): Promise<void> {
  await source.getRepository(IdentityEntity).insert({ catalogId: newUuid<CatalogId>(), clusterId });
  const catalog = await Catalog.over(source);
  await fill(catalog);
  catalog.makeDurable();
}

/** Moves a catalog that cannot be used out of the way, for a person to look at; returns where it is. */
export async function setCatalogAside(fs: FileSystem, path: string, nowMs: number): Promise<string> {
  const asidePath = `${path}.set-aside-${nowMs}`;
  await fs.rename(path, asidePath);
  for (const companion of SQLITE_COMPANIONS) {
    if ((await fs.stat(`${path}${companion}`)) !== undefined) {
      await fs.rename(`${path}${companion}`, `${asidePath}${companion}`);
    }
  }
  await fs.syncDirectory(dirname(path));
  return asidePath;
}

export async function removeIfPresent(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}

/** Reads every page: a rotten one is cheaper to meet now than in the middle of a batch. */
function assertSound(source: DataSource): void {
  const [finding] = driverOf(source).pragma('quick_check(1)', { simple: false }) as { quick_check: string }[];
  if (finding?.quick_check === 'ok') return;
  throw new StoreError('store_unreadable', `The catalog is damaged: ${finding?.quick_check ?? 'no finding'}.`);
}

function isCorruption(cause: unknown): boolean {
  if (StoreError.is(cause, 'store_unreadable')) return true;
  const code = systemErrorCode(cause) ?? '';
  return code.startsWith('SQLITE_CORRUPT') || code.startsWith('SQLITE_NOTADB');
}
