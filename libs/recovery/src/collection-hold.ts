/**
 * Holds the collection of garbage where a rebuilt catalog may lack references: a file whose manifest could not be read,
 * or that only a lost log knew, needs its chunks on the day somebody puts the manifest or the log back. A manifest that the
 * primary has lost without a trace may stand on a replica, so every store has to be looked at too before anything goes.
 * The hold is written into the catalog itself, before that gets its name, so that no restart forgets it; the next rebuild
 * decides anew. `unseen_replicas` is ended by anti-entropy (libs/maintenance/src/unknown-manifests.ts).
 */
import type { Catalog } from '#libs/catalog';
import type { FileId, StoreId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';

export interface MissingReferences {
  /** Files whose manifest stands on the primary and could not be read. */
  readonly unreadable: readonly FileId[];
  readonly logWasGone: boolean;
  /** The primary is older than this start, and so may have lost manifests, all of them even. */
  readonly mayHaveLost: boolean;
  /** Where there is none, nobody else can know a file. */
  readonly replicaIds: readonly StoreId[];
}

export function holdCollection(catalog: Catalog, missing: MissingReferences, nowMs: number): void {
  const { unreadable, logWasGone, mayHaveLost, replicaIds } = missing;
  if (unreadable.length > 0) catalog.garbage.hold('damaged_manifests', nowMs);
  if (logWasGone) catalog.garbage.hold('log_was_gone', nowMs);
  if (mayHaveLost && replicaIds.length > 0) catalog.garbage.hold('unseen_replicas', nowMs);
}

/** After the replay: what a power cut had damaged above the checkpoint has been written anew, and is known again. */
export async function releaseCollection(
  catalog: Catalog,
  primary: PrimaryStore,
  unreadable: readonly FileId[],
): Promise<void> {
  for (const fileId of unreadable) {
    if (catalog.findFile(fileId) !== undefined) continue;
    if ((await primary.has({ kind: 'tombstone', id: fileId })) === undefined) return;
  }
  if (unreadable.length > 0) catalog.garbage.release('damaged_manifests');
}
