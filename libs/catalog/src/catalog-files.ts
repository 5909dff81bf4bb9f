/** Where a catalog is kept: all that recovery may do with the place. Tests of crashes put a modelled place behind it. */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import type { Catalog } from './catalog.js';
import { createCatalog, openCatalog, removeIfPresent, setCatalogAside } from './load-catalog.js';
import type { CatalogReading } from './open-catalog.js';

export interface CatalogFiles {
  /** Opens what stands there, every page of it read. Throws `setting_invalid` where that is no catalog of ours. */
  open(): Promise<CatalogReading>;
  /**
   * Makes a catalog, filled by `fill`, and opens it. It takes the place of an older one in the last step, whole and
   * durable: a crash before leaves the older one, or none.
   */
  create(clusterId: ClusterId, fill: (catalog: Catalog) => Promise<void>): Promise<Catalog>;
  /** Moves a closed catalog that cannot be used out of the way, for a person to look at; returns where it is. */
  setAside(nowMs: number): Promise<string>;
  /** From now on `open` answers `in_doubt`, until `create` has made another. */
  doubt(): Promise<void>;
}

/**
 * The catalog's files at `path`, with SQLite's own beside them. A doubt is a file too; it need not be durable, because a
 * machine that has restarted shows what is on its disk.
 */
export function catalogFilesAt(fs: FileSystem, path: string): CatalogFiles {
  const doubtPath = `${path}.flush-failed`;
  return {
    open: async () => {
      if ((await fs.stat(doubtPath)) !== undefined) return { ok: false, reason: 'in_doubt' };
      return writingTo(path, openCatalog(fs, path));
    },
    create: async (clusterId, fill) => {
      const catalog = await writingTo(path, createCatalog(fs, path, clusterId, fill));
      // Not before: a crash while the new one is made leaves the old one, which is still in doubt.
      await removeIfPresent(fs, doubtPath);
      return catalog;
    },
    setAside: (nowMs) => writingTo(path, setCatalogAside(fs, path, nowMs)),
    doubt: async () => {
      const file = await fs.create(doubtPath);
      await file.close();
    },
  };
}

const UNWRITABLE = /^(EROFS|EACCES|EPERM|SQLITE_READONLY|SQLITE_CANTOPEN)/;

/** A place that cannot be written says nothing against the catalog: it is the setting that must change, or the disk. */
async function writingTo<Result>(path: string, step: Promise<Result>): Promise<Result> {
  try {
    return await step;
  } catch (cause) {
    const code = systemErrorCode(cause) ?? '';
    if (!UNWRITABLE.test(code)) throw cause;
    const message = `DATABASE_URL names ${path}, which cannot be opened for writing (${code}).`;
    throw new StoreError('setting_invalid', message, { context: { setting: 'DATABASE_URL', path }, cause });
  }
}
