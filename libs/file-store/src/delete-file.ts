/** Deletes a file: the log first, then the tombstone, the manifest and the catalog. Works on a full disk, to free it. */
import { fileDeleteDraft } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext } from './context.js';
import { fileNotFound } from './receipt.js';
import { assertWritable, withFileId } from './write-gate.js';

/** Resolves when the delete is durable and applied. Throws `file_not_found`, also for the second of two at once. */
export async function deleteFile(context: FileStoreContext, fileId: FileId): Promise<void> {
  const { catalog, deleting, wal, applier, clock } = context;
  if (catalog.findFile(fileId) === undefined || deleting.has(fileId)) throw fileNotFound(fileId);
  assertWritable(context);
  deleting.add(fileId);
  try {
    const frame = await wal.append(fileDeleteDraft({ fileId, deletedAtMs: clock.now() }));
    await applier.applied(frame.lsn);
  } catch (error) {
    throw withFileId(error, fileId);
  } finally {
    deleting.delete(fileId);
  }
}
