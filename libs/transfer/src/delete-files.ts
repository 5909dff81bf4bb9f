/**
 * Deletes the files of a job on the target: the tombstones durable first, then the manifests removed, durably. In between
 * the file is known to be deleted; the other way round a copy that is still under way would bring it back, unseen.
 * Chunks are not touched: another file may need them, and only the api knows.
 */
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { ObjectKey, StoredObject } from '#libs/stores';
import { eachLookup, syncCheck } from './job-context.js';
import type { JobContext } from './job-context.js';
import type { JobStore } from './job-store.js';
import { isOfItem } from './store-fault.js';
import { verifyTombstone } from './stored-frames.js';

const tombstoneOf = (id: FileId): ObjectKey => ({ kind: 'tombstone', id });

interface FileDeletion {
  readonly fileId: FileId;
  /** Undefined where the target has a whole one: only its name may have to be made durable. */
  readonly tombstone: Buffer | undefined;
  readonly isDamagedOnTarget: boolean;
}

export async function deleteFiles(context: JobContext): Promise<void> {
  const { job, target, verdicts, stop } = context;
  stop.check();
  const checkSyncs = syncCheck(context);
  const deletions: FileDeletion[] = [];
  const missing: FileId[] = [];
  await eachLookup(job.items, async ({ fileId }) => {
    try {
      const deletion = await planDeletion(context, fileId);
      if (deletion === undefined) missing.push(fileId);
      else deletions.push(deletion);
    } catch (error) {
      if (!isOfItem(error)) throw error;
      verdicts.failed(fileId, error);
    }
  });
  if (missing.length > 0) await settleMissing(context, missing);
  stop.check();

  const damaged = deletions.filter(({ isDamagedOnTarget }) => isDamagedOnTarget);
  for (const { fileId } of damaged) await target.setAside(tombstoneOf(fileId));
  await target.putAll(deletions.flatMap(storedTombstone));
  const standing = deletions.filter(({ tombstone }) => tombstone === undefined);
  await target.syncAll(standing.map(({ fileId }) => tombstoneOf(fileId)));
  await target.deleteAll(deletions.map(({ fileId }): ObjectKey => ({ kind: 'manifest', id: fileId })));
  checkSyncs();
  // The disk may have been swapped meanwhile: the other one has the tombstones then, and this one the manifests.
  if (deletions.length > 0) await context.confirmIdentity('target');
  for (const { fileId } of deletions) verdicts.done(fileId);
}

function storedTombstone({ fileId, tombstone }: FileDeletion): StoredObject[] {
  return tombstone === undefined ? [] : [{ key: tombstoneOf(fileId), bytes: tombstone }];
}

/** Undefined where neither store has the tombstone. Throws `manifest_corrupt` where none has it whole. */
async function planDeletion({ source, target }: JobContext, fileId: FileId): Promise<FileDeletion | undefined> {
  const onTarget = await readTombstone(target, fileId);
  if (onTarget.bytes !== undefined) {
    return { fileId, tombstone: target.isInDoubt ? onTarget.bytes : undefined, isDamagedOnTarget: false };
  }
  const onSource = await readTombstone(source, fileId);
  const damage = onSource.damage ?? onTarget.damage;
  if (onSource.bytes !== undefined) {
    return { fileId, tombstone: onSource.bytes, isDamagedOnTarget: damage !== undefined };
  }
  if (damage !== undefined) throw damage;
  return undefined;
}

/** Damage is an answer here: the other store may have it whole. */
async function readTombstone(store: JobStore, fileId: FileId): Promise<{ bytes?: Buffer; damage?: StoreError }> {
  try {
    const bytes = await store.get(tombstoneOf(fileId));
    if (bytes === undefined) return {};
    verifyTombstone(bytes, fileId);
    return { bytes };
  } catch (error) {
    if (StoreError.is(error, 'manifest_corrupt')) return { damage: error };
    throw error;
  }
}

/** Without a tombstone nothing would keep the file from coming back. */
async function settleMissing(context: JobContext, missing: readonly FileId[]): Promise<void> {
  await context.confirmIdentity('source');
  for (const fileId of missing) {
    context.verdicts.failed(
      fileId,
      new StoreError('manifest_missing', `${context.source.name} has no tombstone of the file ${fileId}.`),
    );
  }
}
