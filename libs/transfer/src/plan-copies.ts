/** The first look: which files of a job are to be copied at all, and what the target has of them. */
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import type { FileCopy } from './file-copy.js';
import { standingAs, tombstonedOn } from './job-context.js';
import type { JobContext } from './job-context.js';
import type { JobStore } from './job-store.js';
import { isOfItem } from './store-fault.js';
import { readManifest } from './stored-frames.js';

/** Settles the files that are deleted, and those whose manifest the source cannot give. */
export async function planCopies(context: JobContext): Promise<FileCopy[]> {
  const { job, source, target, verdicts } = context;
  const deleted = await settleDeleted(
    context,
    job.items.map(({ fileId }) => fileId),
  );
  const items = job.items.filter(({ fileId }) => !deleted.has(fileId));
  const fileIds = items.map(({ fileId }) => fileId);
  const onSource = await manifestsOf(source, fileIds);
  const onTarget = await manifestsOf(target, await standingAs('manifest', { fileIds, store: target }));
  const plans: FileCopy[] = [];
  const missing: FileId[] = [];
  for (const item of items) {
    const { fileId } = item;
    const bytes = onSource.get(fileId);
    try {
      if (bytes === undefined) missing.push(fileId);
      else if (bytes instanceof StoreError) throw bytes;
      else {
        const manifest = readManifest(bytes, fileId);
        plans.push({ item, manifest, bytes, standing: standingAgainst(onTarget.get(fileId), bytes) });
      }
    } catch (error) {
      if (!isOfItem(error)) throw error;
      verdicts.failed(fileId, error);
    }
  }
  if (missing.length > 0) await settleMissing(context, missing);
  return plans;
}

type FoundManifest = Buffer | undefined | StoreError;

async function manifestsOf(store: JobStore, fileIds: readonly FileId[]): Promise<Map<FileId, FoundManifest>> {
  const found = await store.getAll(fileIds.map((id): ObjectKey => ({ kind: 'manifest', id })));
  return new Map(fileIds.map((fileId, index) => [fileId, found[index]]));
}

/** One that its disk cannot read stands there all the same. */
function standingAgainst(found: FoundManifest, bytes: Buffer): FileCopy['standing'] {
  if (found === undefined) return 'none';
  return Buffer.isBuffer(found) && found.equals(bytes) ? 'same' : 'other';
}

/**
 * Where a tombstone stands on the target, a manifest beside it goes: a copy that was killed between its manifest and its
 * last look has left it.
 */
async function settleDeleted({ source, target, verdicts }: JobContext, fileIds: FileId[]): Promise<Set<FileId>> {
  const onTarget = await tombstonedOn(target, fileIds);
  await removeManifests(target, onTarget);
  const deleted = new Set([...onTarget, ...(await tombstonedOn(source, fileIds))]);
  for (const fileId of deleted) verdicts.superseded(fileId);
  return deleted;
}

async function removeManifests(target: JobStore, fileIds: readonly FileId[]): Promise<void> {
  const standing = await standingAs('manifest', { fileIds, store: target });
  await target.deleteAll(standing.map((id) => ({ kind: 'manifest', id })));
}

export async function standingOn(
  target: JobStore,
  { fileId, bytes }: { fileId: FileId; bytes: Buffer },
): Promise<FileCopy['standing']> {
  return standingAgainst((await manifestsOf(target, [fileId])).get(fileId), bytes);
}

/** A delete may have come between the two looks; and a source whose disk went away has no manifests either. */
async function settleMissing(context: JobContext, missing: readonly FileId[]): Promise<void> {
  const { source, target, verdicts } = context;
  const deleted = new Set([...(await tombstonedOn(source, missing)), ...(await tombstonedOn(target, missing))]);
  for (const fileId of deleted) verdicts.superseded(fileId);
  const lost = missing.filter((fileId) => !deleted.has(fileId));
  if (lost.length > 0) await context.confirmIdentity('source');
  for (const fileId of lost) {
    verdicts.failed(
      fileId,
      new StoreError('manifest_missing', `${source.name} has neither manifest nor tombstone of the file ${fileId}.`),
    );
  }
}
