/**
 * Holds the collection of garbage where a rebuilt catalog may lack references: a file whose manifest could not be read,
 * or that only a lost log knew, needs its chunks on the day somebody puts the manifest or the log back. The hold is
 * written into the catalog itself, before that gets its name, so that no restart forgets it; the next rebuild decides anew.
 */
import type { Catalog } from '#libs/catalog';
import type { FileId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';

export interface MissingReferences {
  /** Files whose manifest stands on the primary and could not be read. */
  readonly unreadable: readonly FileId[];
  readonly logWasGone: boolean;
}

export function holdCollection(catalog: Catalog, { unreadable, logWasGone }: MissingReferences, nowMs: number): void {
  if (unreadable.length > 0) catalog.garbage.hold('damaged_manifests', nowMs);
  if (logWasGone) catalog.garbage.hold('log_was_gone', nowMs);
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
