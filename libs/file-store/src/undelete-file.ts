/**
 * Brings a deleted file back while what it was made of is there: its manifest, which the delete has kept
 * (libs/stores/src/deleted-manifests.ts), and its chunks, which nothing collects before `GC_GRACE`. The tombstone of the
 * old id stands on every store for long, so the file comes back under a new one, as a new `file_put`:
 *
 *   pin the chunks → prove that they are there, durably → log `file_put`: the commit point → applied → the kept manifest goes
 *
 * The pins come before the look, so that what was seen cannot be collected before the catalog refers to it. The manifest
 * goes last: a crash before that leaves it, and at worst the file is brought back twice, never lost.
 */
import { entryOf } from '#libs/apply';
import {
  decodeManifest,
  decodeWholeFrame,
  forEachConcurrently,
  manifestDraft,
  newFileId,
  StoreError,
} from '#libs/kernel';
import type { ChunkEntry, ErrorContext, FileId, Manifest } from '#libs/kernel';
import type { DeletedFile } from '#libs/stores';
import type { FileStoreContext } from './context.js';
import type { SpaceClaim } from './disk-reserve.js';
import { fileNotFound, newReceipt } from './receipt.js';
import { writingStore } from './store-failure.js';
import type { FileReceipt } from './types.js';
import { assertWritable, withFileId } from './write-gate.js';

/** Half of libuv's default pool, so that the log's fdatasync never waits behind these. */
const MAX_LOOKS = 2;

/**
 * Resolves with the new file when it is durable and applied; of two calls at once both get the same one. Throws
 * `file_not_found` for what was never there, `file_not_deleted`, `undelete_impossible`, and what an upload throws.
 */
export async function undeleteFile(context: FileStoreContext, fileId: FileId): Promise<FileReceipt> {
  if (context.catalog.findFile(fileId) !== undefined) {
    throw new StoreError('file_not_deleted', `The file ${fileId} is there; nothing has to be brought back.`, {
      context: { file_id: fileId },
    });
  }
  assertWritable(context);
  const { undeleting } = context;
  let underWay = undeleting.get(fileId);
  if (underWay === undefined) {
    underWay = bringBack(context, fileId).finally(() => undeleting.delete(fileId));
    undeleting.set(fileId, underWay);
  }
  return underWay;
}

async function bringBack(context: FileStoreContext, fileId: FileId): Promise<FileReceipt> {
  const { primary, clock, reserve } = context;
  const deleted = await primary.deleted.find(fileId);
  if (deleted === undefined) throw await nothingKept(context, fileId);
  const old = await readKept(context, deleted);
  // Its idempotency key stays free: whoever uses it again means a new file.
  const manifest: Manifest = {
    ...old,
    fileId: newFileId(clock.now()),
    mode: 'async',
    wait: 0,
    idempotencyKey: undefined,
  };
  const space = await writingStore(() => reserve.claim(inlineBytes(manifest)));
  try {
    const receipt = await putAgain(context, { manifest, deleted, space });
    // Whatever becomes of it, the file is back; what stays is the collector's to remove.
    await primary.deleted.remove(deleted).catch(() => undefined);
    return receipt;
  } finally {
    space.release();
  }
}

interface Return {
  readonly manifest: Manifest;
  readonly deleted: DeletedFile;
  readonly space: SpaceClaim;
}

async function putAgain(context: FileStoreContext, { manifest, deleted, space }: Return): Promise<FileReceipt> {
  const { primary, wal, applier } = context;
  const { fileId, content } = manifest;
  const chunks = content.kind === 'chunks' ? content.chunks : [];
  let mayBeStored = false;
  try {
    await primary.guard.pin(
      fileId,
      chunks.map(({ chunkId }) => chunkId),
    );
    await writingStore(() => proveChunks(context, chunks, deleted));
    await writingStore(() => space.spend(inlineBytes(manifest)));
    assertWritable(context);
    mayBeStored = true;
    const frame = await wal.append(manifestDraft(manifest)).catch((error: unknown) => {
      // Every other refusal of the log promises that nothing was stored.
      mayBeStored = !StoreError.is(error) || error.code === 'outcome_unknown';
      throw error;
    });
    await applier.applied(frame.lsn);
    return newReceipt(context, entryOf(manifest, frame));
  } catch (error) {
    throw withFileId(error, fileId);
  } finally {
    // Otherwise apply ends the pins, in the turn in which the catalog refers to the chunks.
    if (!mayBeStored) primary.guard.unpin(fileId);
  }
}

/** A chunk may stand under a name that no disk has yet, put there by an upload that failed: the names are synced too. */
async function proveChunks({ primary }: FileStoreContext, chunks: readonly ChunkEntry[], deleted: DeletedFile) {
  const lengths = new Map(chunks.map(({ chunkId, storedBytes }) => [chunkId, storedBytes]));
  let missing = 0;
  await forEachConcurrently(lengths, MAX_LOOKS, async ([id, storedBytes]) => {
    if ((await primary.has({ kind: 'chunk', id })) !== storedBytes) missing += 1;
  });
  if (missing > 0) {
    throw impossible(deleted.fileId, `${missing} of its ${lengths.size} chunks are gone`, {
      deleted_at: deleted.deletedAtMs,
      missing: 'chunks',
      missing_chunks: missing,
    });
  }
  await primary.syncAll([...lengths.keys()].map((id) => ({ kind: 'chunk', id })));
}

async function readKept({ primary }: FileStoreContext, deleted: DeletedFile): Promise<Manifest> {
  const bytes = await primary.deleted.read(deleted);
  const decoded = bytes === undefined ? undefined : decodeWholeFrame(bytes);
  const manifest = decoded?.ok === true ? decodeManifest(decoded.frame) : undefined;
  if (manifest?.fileId === deleted.fileId) return manifest;
  const what = bytes === undefined ? 'its manifest is gone' : 'its manifest is damaged';
  throw impossible(deleted.fileId, what, { deleted_at: deleted.deletedAtMs, missing: 'manifest' });
}

/** A tombstone says that there was such a file; without one nobody knows it. */
async function nothingKept({ primary }: FileStoreContext, fileId: FileId): Promise<StoreError> {
  if ((await primary.has({ kind: 'tombstone', id: fileId })) === undefined) return fileNotFound(fileId);
  return impossible(fileId, 'its manifest is gone', { missing: 'manifest' });
}

function impossible(fileId: FileId, what: string, context: ErrorContext): StoreError {
  return new StoreError(
    'undelete_impossible',
    `The file ${fileId} cannot be brought back: ${what}. Its GC_GRACE is over, or it has been brought back already.`,
    { context: { file_id: fileId, ...context } },
  );
}

function inlineBytes({ content }: Manifest): number {
  return content.kind === 'inline' ? content.bytes.length : 0;
}
