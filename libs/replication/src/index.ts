/** Replication: hands out what is owed to the stores, takes the answers into account, and tells how the stores fare. */
export { Replication } from './replication.js';
export type { CopyWait } from './copy-waiters.js';
export type {
  ReplicaError,
  ReplicaState,
  ReplicaStatus,
  ReplicaStore,
  ReplicationOptions,
  SyncOperation,
  SyncProgress,
} from './types.js';
