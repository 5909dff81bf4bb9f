/** What is known of a file's copies, from what is owed. */
import type { FileEntry, Obligation } from '#libs/catalog';
import { StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { FileStoreContext } from './context.js';
import type { FileReceipt, ReplicaState } from './types.js';

export function receiptOf({ catalog, replicas, copies }: FileStoreContext, entry: FileEntry): FileReceipt {
  const orders = new Map(catalog.obligations.of(entry.fileId).map((obligation) => [obligation.storeId, obligation]));
  const stores = replicas.map(({ storeId, name }) => {
    const state = stateOf(orders.get(storeId));
    return { name, state: state !== 'stored' && copies.copying(entry.fileId, storeId) ? ('copying' as const) : state };
  });
  return { ...entry, stores };
}

/** Of a file that has just been applied: every replica has been owed its copy in the same transaction. */
export function newReceipt({ replicas }: FileStoreContext, entry: FileEntry): FileReceipt {
  return { ...entry, stores: replicas.map(({ name }) => ({ name, state: 'pending' })) };
}

/** A replica that was never owed the file (it joined later, and is not filled yet) does not have it. */
function stateOf(obligation: Obligation | undefined): ReplicaState['state'] {
  if (obligation === undefined) return 'absent';
  if (obligation.state === 'done') return obligation.want === 'present' ? 'stored' : 'absent';
  return obligation.state === 'failed' ? 'failed' : 'pending';
}

export function fileNotFound(fileId: FileId): StoreError {
  return new StoreError('file_not_found', `There is no file ${fileId}, or it has been deleted.`, {
    context: { file_id: fileId },
  });
}
