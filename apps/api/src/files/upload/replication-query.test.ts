import { describe, expect, it } from 'vitest';
import { assertReplicationAvailable } from './replication-query.js';

describe('assertReplicationAvailable', () => {
  it.each([{}, { replication: 'async' }, { name: 'x' }])('accepts %j', (query) => {
    expect(() => assertReplicationAvailable(query)).not.toThrow();
  });

  it.each([
    [{ replication: 'sync' }, 'not_implemented'],
    [{ replication: 'sync', wait: '1' }, 'not_implemented'],
    [{ replication: '' }, 'invalid_request'],
    [{ replication: 'Sync' }, 'invalid_request'],
    [{ replication: ['sync', 'async'] }, 'invalid_request'],
    [{ replication: 'sync', wait: 'all' }, 'invalid_request'],
    [{ replication: 'sync', wait: '-1' }, 'invalid_request'],
    [{ wait: '1' }, 'invalid_request'],
    [{ replication: 'async', wait: '0' }, 'invalid_request'],
  ])('%j: %s', (query, code) => {
    expect(() => assertReplicationAvailable(query)).toThrow(expect.objectContaining({ code }));
  });
});
