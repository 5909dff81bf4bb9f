/** What is known of a file's copies, from what is owed. */
import type { FileEntry, Obligation } from '#libs/catalog';
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext } from './context.js';
import type { FileReceipt, ReplicaState } from './types.js';

export function receiptOf({ catalog, replicas }: FileStoreContext, entry: FileEntry): FileReceipt {
  const owed = new Map(catalog.obligations.of(entry.fileId).map((obligation) => [obligation.storeId, obligation]));
  return { ...entry, stores: replicas.map(({ storeId, name }) => ({ name, state: stateOf(owed.get(storeId)) })) };
}

/** Of a file that has just been applied: every replica has been owed its copy in the same transaction. */
export function newReceipt({ replicas }: FileStoreContext, entry: FileEntry): FileReceipt {
  return { ...entry, stores: replicas.map(({ name }) => ({ name, state: 'pending' })) };
}

/** A replica that was never owed the file (it joined later) does not have it. */
function stateOf(obligation: Obligation | undefined): ReplicaState['state'] {
  return obligation === undefined ? 'absent' : 'pending';
}

export function fileNotFound(fileId: FileId): StoreError {
  return new StoreError('file_not_found', `There is no file ${fileId}, or it has been deleted.`, {
    context: { file_id: fileId },
  });
}
