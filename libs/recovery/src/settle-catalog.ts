/** Decides whether the catalog found at boot can be used, and replaces it where it cannot. It is an index: never a loss. */
import type { Catalog, CatalogReading, CatalogSight } from '#libs/catalog';
import type { ClusterId, FileId, LogId, Lsn } from '#libs/kernel';
import { CATALOG, onDiskOf } from './disk-full.js';
import { rebuildCatalog } from './rebuild-catalog.js';
import type { RebuildContext } from './rebuild-catalog.js';
import type { RebuildReason } from './types.js';

export interface LogStart {
  readonly clusterId: ClusterId;
  readonly logId: LogId;
  /** First LSN in the log's files. */
  readonly oldestLsn: Lsn;
  /** The replay starts behind it. */
  readonly checkpointLsn: Lsn;
}

/** Why the catalog must be rebuilt, or undefined where a replay can bring it up to date. Pure. */
export function rebuildReason(
  reading: CatalogReading | CatalogSight,
  { clusterId, logId, oldestLsn, checkpointLsn }: LogStart,
): RebuildReason | undefined {
  if (!reading.ok) return reading.reason;
  if (reading.catalog.clusterId !== clusterId) return 'of_another_installation';
  const applied = reading.catalog.appliedLsn(logId);
  if (applied === undefined) return 'of_another_log';
  // What lies between its applied LSN and the checkpoint would never be replayed into it.
  if (Math.max(oldestLsn - 1, checkpointLsn) > applied) return 'behind_the_log';
  return undefined;
}

export interface SettledCatalog {
  readonly catalog: Catalog;
  readonly rebuilt: RebuildReason | undefined;
  readonly damagedManifests: number;
  /** Files whose manifest could not be read while the catalog was rebuilt. */
  readonly unreadable: readonly FileId[];
}

export async function settleCatalog(
  reading: CatalogReading,
  start: LogStart,
  context: RebuildContext,
): Promise<SettledCatalog> {
  const reason = rebuildReason(reading, start);
  if (reading.ok && reason === undefined) {
    return { catalog: reading.catalog, rebuilt: undefined, damagedManifests: 0, unreadable: [] };
  }
  if (reading.ok) await reading.catalog.close();
  // A catalog of this installation is superseded; a strange or broken one may be somebody's only trace.
  if (reason === 'corrupt' || reason === 'of_another_installation') {
    const path = await context.catalogs.setAside(context.clock.now());
    context.log.warn({ reason, path }, 'the catalog was set aside');
  }
  // A new log may have begun in a boot that was cut off before the catalog knew of it.
  const logWasGone = context.logWasGone || reason === 'of_another_log';
  const { catalog, damagedManifests, unreadable } = await onDiskOf(CATALOG, rebuildCatalog({ ...context, logWasGone }));
  context.log.info({ reason, damaged_manifests: damagedManifests }, 'the catalog was built from the primary');
  return { catalog, rebuilt: reason, damagedManifests, unreadable };
}
