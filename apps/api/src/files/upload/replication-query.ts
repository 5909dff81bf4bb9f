/** What an upload may ask of replication. Waiting for replicas comes with a later version and is refused by name. */
import { StoreError } from '#libs/kernel';
import { invalidParameter, queryInteger, queryText } from '../../http/query.js';
import type { Query } from '../../http/query.js';

/** More replicas than any installation has. */
const MAX_WAIT = 1_000;

/** Throws `invalid_request` or `not_implemented`; nothing of the body is needed to decide. */
export function assertReplicationAvailable(query: Query): void {
  const mode = queryText(query, 'replication') ?? 'async';
  if (mode !== 'async' && mode !== 'sync') throw invalidParameter('replication', 'is neither sync nor async');
  const waits = queryText(query, 'wait') !== undefined;
  queryInteger(query, 'wait', { min: 0, max: MAX_WAIT, default: 0 });
  if (mode === 'sync') {
    throw new StoreError('not_implemented', 'Waiting for replicas (replication=sync) is not supported yet.');
  }
  if (waits) throw invalidParameter('wait', 'counts replicas that replication=sync waits for; async waits for none');
}
