/** What an upload asks of replication: `?replication=` and `?wait=`, and the settings where it does not say. */
import type { ReplicationMode, ReplicationWait } from '#libs/config';
import type { ReplicationWish } from '#libs/file-store';
import { invalidParameter, queryInteger, queryText } from '../../http/query.js';
import type { Query } from '../../http/query.js';

export interface ReplicationDefaults {
  readonly replicationMode: ReplicationMode;
  readonly replicationWait: ReplicationWait;
  readonly replicas: readonly unknown[];
}

/** Throws `invalid_request`; nothing of the body is needed to decide. */
export function replicationWish(query: Query, defaults: ReplicationDefaults): ReplicationWish {
  const mode = queryText(query, 'replication') ?? defaults.replicationMode;
  if (mode !== 'async' && mode !== 'sync') throw invalidParameter('replication', 'is neither sync nor async');
  const wait = waitIn(query, defaults.replicas.length);
  if (mode === 'sync') return { mode, wait: wait ?? waitOf(defaults) };
  if (wait !== undefined) {
    throw invalidParameter('wait', 'counts replicas that replication=sync waits for; async waits for none');
  }
  return { mode, wait: 0 };
}

function waitOf({ replicationWait, replicas }: ReplicationDefaults): number {
  return replicationWait === 'all' ? replicas.length : replicationWait;
}

function waitIn(query: Query, replicaCount: number): number | undefined {
  const text = queryText(query, 'wait');
  if (text === undefined) return undefined;
  if (text === 'all') return replicaCount;
  return queryInteger(query, 'wait', { min: 0, max: replicaCount, default: 0 });
}
