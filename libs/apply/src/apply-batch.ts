/**
 * Applies a batch of durable records: first the primary, then one catalog transaction with the applied LSN in it. Both
 * halves may be repeated after a crash; the order makes sure that what the catalog shows is there to be read.
 */
import type { Catalog } from '#libs/catalog';
import { NO_LSN } from '#libs/kernel';
import type { FileId, Frame, Lsn, StoreId } from '#libs/kernel';
import type { AppliedObject, AppliedObjects, PrimaryStore } from '#libs/stores';
import { catalogChange, effectOf } from './record-effect.js';
import type { Change, RecordEffect } from './record-effect.js';

export interface ApplyTarget {
  readonly primary: PrimaryStore;
  readonly catalog: Catalog;
  /** Stores that owe every change. */
  readonly replicaIds: readonly StoreId[];
  /** Told in the same turn as the catalog's transaction, so that no cache outlives what it holds. */
  readonly changed: (fileId: FileId) => void;
}

/** `replay`: what the records write stands in the primary already, most likely. */
export type Occasion = 'live' | 'replay';

/** Consecutive records of one log, in order, at least one, and what each does. */
export interface Batch {
  readonly frames: readonly Frame[];
  readonly effects: readonly RecordEffect[];
}

/** Throws what `effectOf` throws. */
export function batchOf(frames: readonly Frame[]): Batch {
  return { frames, effects: frames.map(effectOf) };
}

/** The first half. Answers with the batch: what the catalog may be told now. */
export async function writeToPrimary({ primary }: ApplyTarget, batch: Batch, occasion: Occasion): Promise<Batch> {
  await applyToPrimary(primary.applied, batch.effects, occasion);
  return batch;
}

/** Files are written many at a time, but never across a delete: what is put before it must not come back behind it. */
export async function applyToPrimary(
  applied: AppliedObjects,
  effects: readonly RecordEffect[],
  occasion: Occasion,
): Promise<void> {
  let manifests: AppliedObject[] = [];
  const writeManifests = async (): Promise<void> => {
    if (manifests.length === 0) return;
    await (occasion === 'replay' ? applied.refreshAll(manifests) : applied.writeAll(manifests));
    manifests = [];
  };
  for (const effect of effects) {
    if (effect.kind === 'put') {
      manifests.push({ key: { kind: 'manifest', id: effect.fileId }, bytes: effect.frame.bytes });
    }
    if (effect.kind === 'delete') {
      await writeManifests();
      // The tombstone first: at no moment is the file neither there nor known to be deleted.
      await applied.write({ kind: 'tombstone', id: effect.fileId }, effect.frame.bytes);
      await applied.retire(effect);
    }
  }
  await writeManifests();
}

/** The second half: one transaction, and in the same turn what follows from it. */
export function commitToCatalog(
  { primary, catalog, replicaIds, changed }: ApplyTarget,
  { frames, effects }: Batch,
  nowMs: number,
): void {
  const last = frames.at(-1)!;
  const applied: Lsn = catalog.appliedLsn(last.logId) ?? NO_LSN;
  // A replay starts at the checkpoint, which the catalog may be ahead of: an obligation given twice would count twice.
  if (last.lsn <= applied) return;
  const fresh = effects.filter((effect, index) => effect.kind !== 'none' && frames[index]!.lsn > applied) as Change[];
  catalog.apply({ changes: fresh.map(catalogChange), logId: last.logId, appliedLsn: last.lsn, replicaIds, nowMs });
  for (const { fileId } of fresh) {
    // In the turn of the transaction: from now on the references keep the chunks, and before it only the pins did.
    primary.guard.unpin(fileId);
    changed(fileId);
  }
}
