import { check } from 'prettier';
import { describe, expect, it } from 'vitest';
import { StoreError } from '#libs/kernel';
import { renderSettingsTable } from './settings-document.js';
import { parseSettings } from './settings.js';
import { SETTING_FIELDS, SETTINGS_TABLE } from './settings-table.js';

const ROOT = '/srv/holdfast';
const KEY = 'c2VjcmV0IG51bWJlciAx';

function refusalOf(environment: Record<string, string>): StoreError {
  try {
    parseSettings(environment, ROOT);
  } catch (error) {
    if (StoreError.is(error, 'setting_invalid')) return error;
    throw error;
  }
  throw new Error('the settings were accepted');
}

describe('the defaults', () => {
  it('are a loopback server with two replicas below the package root', () => {
    expect(parseSettings({}, ROOT)).toEqual({
      host: '127.0.0.1',
      port: 8080,
      storagePath: '/srv/holdfast/data/primary',
      replicas: [
        { kind: 'directory', name: 'replica1', path: '/srv/holdfast/data/replica1' },
        { kind: 'directory', name: 'replica2', path: '/srv/holdfast/data/replica2' },
      ],
      awsAccessKeyId: '',
      awsSecretAccessKey: '',
      awsSessionToken: '',
      awsRegion: '',
      walPath: '/srv/holdfast/wal',
      catalogPath: '/srv/holdfast/data/catalog.db',
      redisUrl: '',
      workers: 'embedded',
      replicationMode: 'async',
      replicationWait: 'all',
      replicationTimeoutMs: 10_000,
      chunkSizeBytes: 1_048_576,
      inlineMaxBytes: 65_536,
      maxFileSizeBytes: 10_737_418_240,
      walSegmentSizeBytes: 67_108_864,
      walMaxSizeBytes: 1_073_741_824,
      walRetainSegments: 0,
      diskReserveBytes: 268_435_456,
      gcGraceMs: 600_000,
      tombstoneHoldMs: 604_800_000,
      scrubRateBytesPerSecond: 20 * 1024 * 1024,
      bufferBudgetBytes: 67_108_864,
      readParallelism: 8,
      idleTimeoutMs: 30_000,
      apiKeys: [],
      adminApiKeys: [],
      logLevel: 'info',
    });
  });

  it('are what the table says, written out in the environment', () => {
    const rows = SETTING_FIELDS.map((field) => SETTINGS_TABLE[field]).filter((row) => row.default !== '');
    const written = Object.fromEntries(rows.map((row) => [row.name, row.default]));
    expect(parseSettings(written, ROOT)).toEqual(parseSettings({}, ROOT));
  });

  it('cannot be changed afterwards, at any depth', () => {
    const settings = parseSettings({ API_KEY: KEY }, ROOT);
    for (const part of [settings, settings.replicas, settings.replicas[0], settings.apiKeys[0]])
      expect(Object.isFrozen(part)).toBe(true);
  });
});

describe('accepted', () => {
  it.each([
    ['a port picked by the system', { PORT: '0' }, { port: 0 }],
    ['no replicas', { REPLICAS: '' }, { replicas: [] }],
    ['no Redis', { REDIS_URL: '' }, { redisUrl: '' }],
    [
      'workers of their own, reached through Redis',
      { REDIS_URL: 'rediss://:secret@redis:6380/2', WORKERS: 'external' },
      { redisUrl: 'rediss://:secret@redis:6380/2', workers: 'external' },
    ],
    ['another machine, with a key', { HOST: '0.0.0.0', API_KEY: KEY }, { host: '0.0.0.0' }],
    ['nothing inline', { INLINE_MAX: '0B' }, { inlineMaxBytes: 0 }],
    [
      'exactly 300,000 chunks',
      { MAX_FILE_SIZE: '1200000KiB', CHUNK_SIZE: '4KiB' },
      { maxFileSizeBytes: 300_000 * 4096 },
    ],
    ['exactly two segments', { WAL_MAX_SIZE: '128KiB', WAL_SEGMENT_SIZE: '64KiB' }, { walMaxSizeBytes: 131_072 }],
    [
      'exactly four chunks of buffers',
      { BUFFER_BUDGET: '32MiB', CHUNK_SIZE: '8MiB' },
      { bufferBudgetBytes: 33_554_432 },
    ],
    ['a variable that is not ours', { PATH: '/bin', HOME: '' }, {}],
  ])('%s', (_, environment, expected) => {
    expect(parseSettings(environment as Record<string, string>, ROOT)).toMatchObject(expected);
  });
});

describe('refused', () => {
  it.each([
    ['CHUNK_SIZE', '1048576', 'integer directly followed by B, KiB, MiB or GiB', 'for example CHUNK_SIZE=1MiB'],
    ['CHUNK_SIZE', '16MiB', 'a size from 4KiB to 8MiB', 'for example CHUNK_SIZE=1MiB'],
    ['INLINE_MAX', '2MiB', 'a size from 0B to 1MiB', 'for example INLINE_MAX=64KiB'],
    ['PORT', '65536', 'an integer from 0 to 65535', 'for example PORT=8080'],
    ['PORT', '', 'is empty', 'for example PORT=8080'],
    // A key that was meant to be there and got lost must not open the server.
    ['API_KEY', '', 'is empty', 'for example API_KEY=backup:'],
    ['ADMIN_API_KEY', '', 'is empty', 'for example ADMIN_API_KEY=operator:'],
    ['READ_PARALLELISM', '0', 'from 1 to 64', 'for example READ_PARALLELISM=8'],
    ['IDLE_TIMEOUT', '30', 'ms, s, m, h or d', 'for example IDLE_TIMEOUT=30s'],
    ['IDLE_TIMEOUT', '0s', 'from 1ms to 1d', 'for example IDLE_TIMEOUT=30s'],
    ['REPLICATION_MODE', 'often', 'one of async, sync', 'for example REPLICATION_MODE=async'],
    ['REPLICATION_WAIT', 'most', 'all, or an integer from 0 to 1000', 'for example REPLICATION_WAIT=all'],
    ['REPLICATION_WAIT', '3', 'waits for more replicas than the 2 of REPLICAS', 'set REPLICATION_WAIT=all'],
    ['REPLICATION_TIMEOUT', '0s', 'from 1ms to 1d', 'for example REPLICATION_TIMEOUT=10s'],
    ['LOG_LEVEL', 'verbose', 'one of debug, info', 'for example LOG_LEVEL=info'],
    ['REPLICAS', 's3://Bucket', '3 to 63 characters', 'for example REPLICAS='],
    ['STORAGE_PATH', 's3://bucket', 's3:// location, which only REPLICAS may be', 'for example STORAGE_PATH='],
    ['DATABASE_URL', 'mysql://host/db', 'sqlite:', 'for example DATABASE_URL=sqlite:./data/catalog.db'],
    ['REDIS_URL', 'localhost:6379', 'redis:// or rediss://', 'for example REDIS_URL=redis://127.0.0.1:6379'],
    ['WORKERS', 'external', 'without REDIS_URL no job can reach them', 'set REDIS_URL or WORKERS=embedded'],
    ['WORKERS', 'none', 'one of embedded, external', 'for example WORKERS=embedded'],
    ['HOST', '0.0.0.0', 'no API_KEY', 'set API_KEY or HOST=127.0.0.1'],
  ])('%s=%s says why and gives an example', (name, text, why, example) => {
    const { message, context } = refusalOf({ [name]: text });
    expect(message).toMatch(new RegExp(`^${name}=.*: .*; `));
    expect(message).toContain(why);
    expect(message).toContain(example);
    expect(context).toEqual({ setting: name, settings: name });
  });

  it.each([
    [{ MAX_FILE_SIZE: '1200001KiB', CHUNK_SIZE: '4KiB' }, 'MAX_FILE_SIZE=1200001KiB with CHUNK_SIZE=4KiB: '],
    [{ WAL_MAX_SIZE: '127MiB' }, 'WAL_MAX_SIZE=127MiB with WAL_SEGMENT_SIZE=64MiB: '],
    [{ BUFFER_BUDGET: '31MiB', CHUNK_SIZE: '8MiB' }, 'BUFFER_BUDGET=31MiB with CHUNK_SIZE=8MiB: '],
    [{ STORAGE_PATH: './data/replica2' }, 'replica replica2 (/srv/holdfast/data/replica2) and the primary'],
    [
      { STORAGE_PATH: './data', DATABASE_URL: 'sqlite:/db' },
      'REPLICAS=./data/replica1,./data/replica2 with STORAGE_PATH=./data: ',
    ],
    [{ REPLICAS: './a,b=./a/b' }, 'replica b (/srv/holdfast/a/b) and replica a (/srv/holdfast/a)'],
    [
      { REPLICAS: 'a=s3://bucket/x?region=one,b=s3://bucket/x/y?region=two' },
      'replica b (s3://bucket/x/y?region=two) and replica a (s3://bucket/x?region=one)',
    ],
    [{ WAL_PATH: './data/primary/wal' }, 'WAL_PATH=./data/primary/wal with STORAGE_PATH=./data/primary: '],
    [{ WAL_PATH: './data/replica1' }, 'WAL_PATH=./data/replica1 with REPLICAS=./data/replica1,./data/replica2: '],
    [{ DATABASE_URL: 'sqlite:./wal/catalog.db' }, 'DATABASE_URL=sqlite:./wal/catalog.db with WAL_PATH=./wal: '],
  ])('%j names both settings', (environment, expected) => {
    expect(refusalOf(environment as Record<string, string>).message).toContain(expected);
  });

  it('reports every wrong setting at once, a line each, and the rules that could still be checked', () => {
    const error = refusalOf({ PORT: 'http', CHUNK_SIZE: '1MB', HOST: '::', BUFFER_BUDGET: '1MiB' });
    expect(error.message.split('\n').map((line) => line.slice(0, line.indexOf('=')))).toEqual([
      'PORT',
      'CHUNK_SIZE',
      'HOST',
    ]);
    expect(error.context).toEqual({ setting: 'PORT', settings: 'PORT,CHUNK_SIZE,HOST' });
  });

  it.each([
    ['API_KEY', `ok:${KEY},hunter2`],
    ['ADMIN_API_KEY', 'hunter2'],
    ['DATABASE_URL', 'postgres://user:hunter2@host/db'],
    ['DATABASE_URL', 'user:hunter2@host'],
    ['DATABASE_URL', 'hunter2'],
    ['DATABASE_URL', 'sqlite:./catalog.db?key=hunter2'],
    ['REDIS_URL', 'redis://:hunter2@host:port'],
    ['REDIS_URL', 'redis://user:hunter2@host/?password=hunter2'],
    ['REDIS_URL', ':hunter2@host:6379'],
    ['REPLICAS', './a,s3://id:hunter2@bucket'],
    ['REPLICAS', 's3://bucket?key=hunter2'],
    ['AWS_SECRET_ACCESS_KEY', 'hunter2 '],
    ['STORAGE_PATH', 's3://bucket?secret=hunter2'],
  ])('%s=%s does not show the secret', (name, text) => {
    const error = refusalOf({ [name]: text });
    expect(JSON.stringify([error.message, error.stack, error.context, error.cause])).not.toMatch(/hunter2|c2VjcmV0/);
  });

  it('shows a long value or control characters harmlessly', () => {
    expect(refusalOf({ PORT: `1\n\u001b[2J${'x'.repeat(10_000)}` }).message).toMatch(/^[\P{C}]{1,500}$/u);
  });
});

it('takes no relative package root, which would depend on the working directory', () => {
  expect(() => parseSettings({}, '.')).toThrow(TypeError);
});

it('renders a table that the formatter leaves as it is', async () => {
  const table = renderSettingsTable();
  expect(table.split('\n')).toHaveLength(SETTING_FIELDS.length + 3);
  expect(await check(table, { parser: 'markdown', printWidth: 120 })).toBe(true);
});
