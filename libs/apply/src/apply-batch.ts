/**
 * Applies a batch of durable records: first the primary, then one catalog transaction with the applied LSN in it. Both
 * halves may be repeated after a crash; the order makes sure that what the catalog shows is there to be read.
 */
import type { Catalog } from '#libs/catalog';
import { NO_LSN } from '#libs/kernel';
import type { FileId, Frame, Lsn, StoreId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';
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

/** `frames` are consecutive records of one log, in order, at least one. */
export async function applyBatch(target: ApplyTarget, frames: readonly Frame[], nowMs: number): Promise<void> {
  const effects = frames.map(effectOf);
  for (const effect of effects) await applyToPrimary(target.primary, effect);
  applyToCatalog(target, frames, effects, nowMs);
}

async function applyToPrimary({ applied }: PrimaryStore, effect: RecordEffect): Promise<void> {
  if (effect.kind === 'put') {
    await applied.write({ kind: 'manifest', id: effect.fileId }, effect.frame.bytes);
  }
  if (effect.kind === 'delete') {
    // The tombstone first: at no moment is the file neither there nor known to be deleted.
    await applied.write({ kind: 'tombstone', id: effect.fileId }, effect.frame.bytes);
    await applied.remove({ kind: 'manifest', id: effect.fileId });
  }
}

function applyToCatalog(
  { catalog, replicaIds, changed }: ApplyTarget,
  frames: readonly Frame[],
  effects: readonly RecordEffect[],
  nowMs: number,
): void {
  const last = frames.at(-1)!;
  const applied: Lsn = catalog.appliedLsn(last.logId) ?? NO_LSN;
  // A replay starts at the checkpoint, which the catalog may be ahead of: an obligation given twice would count twice.
  if (last.lsn <= applied) return;
  const fresh = effects.filter((effect, index) => effect.kind !== 'none' && frames[index]!.lsn > applied) as Change[];
  catalog.apply({ changes: fresh.map(catalogChange), logId: last.logId, appliedLsn: last.lsn, replicaIds, nowMs });
  for (const { fileId } of fresh) changed(fileId);
}
