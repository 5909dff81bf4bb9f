import { describe, expect, it } from 'vitest';
import type { Query } from '../../http/query.js';
import { replicationWish } from './replication-query.js';
import type { ReplicationDefaults } from './replication-query.js';

const ASYNC: ReplicationDefaults = { replicationMode: 'async', replicationWait: 'all', replicas: ['one', 'two'] };
const SYNC: ReplicationDefaults = { ...ASYNC, replicationMode: 'sync', replicationWait: 1 };

describe('replicationWish', () => {
  it.each<[Query, ReplicationDefaults, object]>([
    [{}, ASYNC, { mode: 'async', wait: 0 }],
    [{ name: 'x' }, SYNC, { mode: 'sync', wait: 1 }],
    [{ replication: 'async' }, SYNC, { mode: 'async', wait: 0 }],
    [{ replication: 'sync' }, ASYNC, { mode: 'sync', wait: 2 }],
    [{ replication: 'sync', wait: 'all' }, SYNC, { mode: 'sync', wait: 2 }],
    [{ replication: 'sync', wait: '0' }, ASYNC, { mode: 'sync', wait: 0 }],
    [{ wait: '2' }, SYNC, { mode: 'sync', wait: 2 }],
    [{ replication: 'sync' }, { ...ASYNC, replicas: [] }, { mode: 'sync', wait: 0 }],
  ])('%j with the defaults %j is %j', (query, defaults, wish) => {
    expect(replicationWish(query, defaults)).toEqual(wish);
  });

  it.each<[Query, ReplicationDefaults]>([
    [{ replication: '' }, ASYNC],
    [{ replication: 'Sync' }, ASYNC],
    [{ replication: ['sync', 'async'] }, ASYNC],
    [{ replication: 'sync', wait: '3' }, ASYNC],
    [{ replication: 'sync', wait: '-1' }, ASYNC],
    [{ replication: 'sync', wait: 'All' }, ASYNC],
    [{ replication: 'sync', wait: ['1', '2'] }, ASYNC],
    [{ wait: '1' }, ASYNC],
    [{ replication: 'async', wait: '0' }, ASYNC],
    [{ replication: 'async', wait: '1' }, SYNC],
  ])('refuses %j with the defaults %j', (query, defaults) => {
    expect(() => replicationWish(query, defaults)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
