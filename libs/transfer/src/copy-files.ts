/**
 * Copies the files of a job, all of them together so that many small ones cost few syncs, each step durable before the next:
 *
 *   tombstone on the target or the source?  then there is nothing to copy
 *   manifest read from the source, verified
 *   missing chunks put
 *   every chunk proven to be on the target, of its length, and its name durable
 *   the target asked again who it is, the deadline looked at
 *   manifest put                            the replica's commit point
 *   tombstone looked for again              a delete may have come and gone meanwhile: then the manifest goes
 *   behind a long job: the source's manifest  the tombstone may have expired: without a manifest there, this one is set aside
 *   no sync failed there meanwhile          what was found there, and not put, may be on no disk then
 *   the target asked once more who it is    what went to a disk that was swapped in is not said to be on the other
 *
 * Invariant: a manifest never stands durably on the target without all of its chunks, and no manifest put here stays where a
 * delete was confirmed. So between a manifest and the last look nothing is given up: neither a stop nor a store that
 * failed in between ends the job before the look was tried.
 */
import { StoreError } from '#libs/kernel';
import type { ChunkId, FileId } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { copyChunks } from './copy-chunks.js';
import type { ChunkTrust, CopiedChunks } from './copy-chunks.js';
import { distinctChunks, fileIdOf } from './file-copy.js';
import type { FileCopy } from './file-copy.js';
import { standingAs, syncCheck, tombstonedOn } from './job-context.js';
import type { JobContext } from './job-context.js';
import type { JobStore } from './job-store.js';
import { planCopies, standingOn } from './plan-copies.js';

export async function copyFiles(context: JobContext): Promise<void> {
  context.stop.check();
  const checkSyncs = syncCheck(context);
  const files = await planCopies(context);
  const whole = await provideChunks(context, files);
  if (whole.length > 0) await publish(context, whole, checkSyncs);
}

/**
 * The files of which the target has every chunk now, durably; the others are settled as failed. A manifest that stands there
 * already speaks for no chunk: it may have come to this disk when it was swapped for another.
 */
async function provideChunks(context: JobContext, files: readonly FileCopy[]): Promise<FileCopy[]> {
  const copied = await copyChunks(context, distinctChunks(files), trustOf(context, files));
  if ([...copied.failed.values()].some(({ code }) => code === 'chunk_missing')) await context.confirmIdentity('source');
  const readable = files.filter((file) => failWhereUnreadable(context, file, copied));
  return proven(context, readable, copied);
}

function trustOf({ job, target }: JobContext, files: readonly FileCopy[]): (chunkId: ChunkId) => ChunkTrust {
  if (target.isInDoubt) return () => 'none';
  const distrusted = new Set<ChunkId>();
  for (const { chunkId } of distinctChunks(files.filter(({ item }) => item.distrustChunks === true))) {
    distrusted.add(chunkId);
  }
  const trust = job.operation === 'repair' ? 'digest' : 'length';
  return (chunkId) => (distrusted.has(chunkId) ? 'none' : trust);
}

/** Whether the source could give all of its chunks. */
function failWhereUnreadable({ verdicts }: JobContext, file: FileCopy, { failed }: CopiedChunks): boolean {
  if (failed.size === 0) return true;
  for (const { chunkId } of distinctChunks([file])) {
    const error = failed.get(chunkId);
    if (error === undefined) continue;
    verdicts.failed(fileIdOf(file), error);
    return false;
  }
  return true;
}

/**
 * Asked of all chunks, also of those just put: one may have been unlinked as garbage meanwhile. Those that stood there before
 * get their names synced, because the worker that put them may have been killed before it did.
 */
async function proven(context: JobContext, files: readonly FileCopy[], { put }: CopiedChunks): Promise<FileCopy[]> {
  const { target, verdicts } = context;
  const chunkIds = Array.from(distinctChunks(files), ({ chunkId }) => chunkId);
  const found = await target.hasAll(chunkIds.map((id): ObjectKey => ({ kind: 'chunk', id })));
  const lengths = new Map(chunkIds.map((chunkId, index) => [chunkId, found[index]]));
  const unsynced = [...lengths.keys()].filter((chunkId) => !put.has(chunkId));
  await target.syncAll(unsynced.map((id): ObjectKey => ({ kind: 'chunk', id })));
  return files.filter((file) => {
    for (const { chunkId, storedBytes } of distinctChunks([file])) {
      if (lengths.get(chunkId) === storedBytes) continue;
      verdicts.failed(fileIdOf(file), notKept(target.name, chunkId));
      return false;
    }
    return true;
  });
}

function notKept(storeName: string, chunkId: ChunkId): StoreError {
  return new StoreError('store_write_failed', `${storeName} did not keep the chunk ${chunkId}; the copy begins anew.`, {
    context: { store: storeName, chunk_id: chunkId },
  });
}

async function publish(context: JobContext, files: readonly FileCopy[], checkSyncs: () => void): Promise<void> {
  const { target, stop } = context;
  const isLeft = ({ standing }: FileCopy): boolean => standing === 'same' && !target.isInDoubt;
  const keyOf = (file: FileCopy): ObjectKey => ({ kind: 'manifest', id: fileIdOf(file) });
  // The disk may have been swapped while the chunks were on their way: they are on the other one then.
  await context.confirmIdentity('target');
  stop.check();
  for (const file of files) if (await isStillOther(target, file)) await target.setAside(keyOf(file));
  try {
    const [left, toPut] = [files.filter(isLeft), files.filter((file) => !isLeft(file))];
    await target.putAll(toPut.map((file) => ({ key: keyOf(file), bytes: file.bytes })));
    await target.syncAll(left.map(keyOf));
  } catch (error) {
    // Some may stand there all the same, and a delete may have been confirmed before they did.
    await withdrawDeleted(context, files.map(fileIdOf)).catch(() => undefined);
    throw error;
  }
  await withdrawDeleted(context, files.map(fileIdOf));
  if (stop.hasTakenLong) await setAsideForgotten(context, files.map(fileIdOf));
  checkSyncs();
  await context.confirmIdentity('target');
  for (const file of files) context.verdicts.done(fileIdOf(file));
}

/**
 * Looked at again just before it goes: another worker may have done this job meanwhile, and what it confirmed must not be
 * missing should this one end here.
 */
async function isStillOther(target: JobStore, { item, bytes, standing }: FileCopy): Promise<boolean> {
  return standing === 'other' && (await standingOn(target, { fileId: item.fileId, bytes })) === 'other';
}

/** The last look. What the target says is acted on also where the source says nothing any more. */
async function withdrawDeleted(context: JobContext, fileIds: readonly FileId[]): Promise<void> {
  const { source, target } = context;
  await withdraw(context, await tombstonedOn(target, fileIds));
  await withdraw(context, await tombstonedOn(source, fileIds));
}

/**
 * A worker that slept between its first look and its manifest, for however long, finds no tombstone of a delete that has
 * expired meanwhile: what is left to be seen of it is that the source has no manifest any more. It may as well have lost it,
 * so nothing is deleted.
 */
async function setAsideForgotten(context: JobContext, fileIds: readonly FileId[]): Promise<void> {
  const { source, target, verdicts } = context;
  const known = new Set(await standingAs('manifest', { fileIds, store: source }));
  const forgotten = fileIds.filter((fileId) => !known.has(fileId));
  if (forgotten.length === 0) return;
  await context.confirmIdentity('source');
  for (const fileId of forgotten) {
    await target.setAside({ kind: 'manifest', id: fileId });
    const message = `${source.name} has the file ${fileId} no more; it was deleted, or lost there, while it was copied.`;
    verdicts.failed(fileId, new StoreError('manifest_missing', message));
  }
}

async function withdraw({ target, verdicts }: JobContext, fileIds: readonly FileId[]): Promise<void> {
  await target.deleteAll(fileIds.map((id): ObjectKey => ({ kind: 'manifest', id })));
  for (const fileId of fileIds) verdicts.superseded(fileId);
}
