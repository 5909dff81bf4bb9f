/** Deletes a file: the log first, then the tombstone, the manifest and the catalog. Works on a full disk, to free it. */
import type { FileEntry } from '#libs/catalog';
import { fileDeleteDraft } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext } from './context.js';
import { fileNotFound } from './receipt.js';
import { assertWritable, withFileId } from './write-gate.js';

/** Looks at the file that is about to be deleted; what it throws refuses the delete, and nothing is logged. */
export type DeleteCheck = (entry: FileEntry) => void;

/** Resolves when the delete is durable and applied. Throws `file_not_found`, also for the second of two at once. */
export async function deleteFile(context: FileStoreContext, fileId: FileId, check?: DeleteCheck): Promise<void> {
  const { catalog, deleting, wal, applier, clock } = context;
  const entry = catalog.findFile(fileId);
  if (entry === undefined || deleting.has(fileId)) throw fileNotFound(fileId);
  assertWritable(context);
  check?.(entry);
  // In the turn of the checks, so that of two deletes at once, conditional or not, one finds nothing.
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
