import { CrashFileSystem } from '#libs/durable-fs/testing';
import type { StoreId } from '#libs/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { TEST_IDENTITY } from '../testing/src/index.js';
import { readIdentity, writeIdentity } from './store-identity.js';

const PEER = { store_id: '5704e000-0000-4000-8000-000000000002', name: 'replica', location: '/mnt/replica' };
const JSON_OF_TEST_IDENTITY = {
  format: 1,
  cluster_id: TEST_IDENTITY.clusterId,
  store_id: TEST_IDENTITY.storeId,
  name: 'primary',
  peers: [PEER],
};

let fs: CrashFileSystem;

beforeEach(async () => {
  fs = new CrashFileSystem();
  await fs.makeDirectory('/store');
});

const put = (text: string): Promise<void> => fs.replaceFile('/store/holdfast.json', Buffer.from(text), '/store/tmp');

describe('the identity of a store', () => {
  it('comes back, with its peers in their order', async () => {
    const peers = ['replica', 'Übersee "2"\n'].map((name, index) => ({
      storeId: `5704e000-0000-4000-8000-00000000000${index + 2}` as StoreId,
      name,
      location: `/mnt/${name}`,
    }));
    await writeIdentity(fs, '/store', { ...TEST_IDENTITY, peers });
    expect(await readIdentity(fs, '/store')).toEqual({ ...TEST_IDENTITY, peers });
  });

  it('is kept in keys that never change', async () => {
    await writeIdentity(fs, '/store', {
      ...TEST_IDENTITY,
      peers: [{ storeId: PEER.store_id as StoreId, name: PEER.name, location: PEER.location }],
    });
    const text = (await fs.readFile('/store/holdfast.json')).toString();
    expect(JSON.parse(text)).toEqual(JSON_OF_TEST_IDENTITY);
  });

  it('remembers of a peer that it was removed, or never made, and nothing more', async () => {
    const flagged = {
      ...JSON_OF_TEST_IDENTITY,
      peers: [
        { ...PEER, removed: true },
        { ...PEER, unmade: true, later: 1 },
      ],
    };
    await put(JSON.stringify(flagged));
    const identity = (await readIdentity(fs, '/store'))!;
    const { store_id: storeId, ...peer } = PEER;
    expect(identity.peers).toEqual([
      { storeId, ...peer, removed: true },
      { storeId, ...peer, unmade: true },
    ]);
    await writeIdentity(fs, '/store', identity);
    expect(await readIdentity(fs, '/store')).toEqual(identity);
  });

  it('is not there where nothing was made a store', async () => {
    expect(await readIdentity(fs, '/store')).toBeUndefined();
    expect(await readIdentity(fs, '/missing')).toBeUndefined();
  });

  it('is durable on return', async () => {
    await writeIdentity(fs, '/store', TEST_IDENTITY);
    expect(fs.durableTree()).toEqual({});
    await fs.syncDirectory('/');
    expect(Object.keys(fs.durableTree())).toEqual(['/store/', '/store/holdfast.json']);
  });

  it('may grow keys', async () => {
    await put(JSON.stringify({ ...JSON_OF_TEST_IDENTITY, later: true }));
    expect((await readIdentity(fs, '/store'))?.name).toBe('primary');
  });

  it('of a later format is told from a damaged one', async () => {
    await put(JSON.stringify({ format: 2, stores: [] }));
    await expect(readIdentity(fs, '/store')).rejects.toMatchObject({
      code: 'future_format',
      context: { path: '/store/holdfast.json' },
    });
  });

  it('that the disk does not give is unreadable, and not missing', async () => {
    await put('{}');
    fs.failNext({ operation: 'readFile', errorCode: 'EIO' });
    await expect(readIdentity(fs, '/store')).rejects.toMatchObject({
      code: 'store_unreadable',
      cause: { code: 'EIO' },
    });
  });

  const without = (key: string): string => JSON.stringify({ ...JSON_OF_TEST_IDENTITY, [key]: undefined });
  const having = (changes: object): string => JSON.stringify({ ...JSON_OF_TEST_IDENTITY, ...changes });
  it.each([
    ['an empty file', ''],
    ['zeros', '\0'.repeat(512)],
    ['a cut file', JSON.stringify(JSON_OF_TEST_IDENTITY).slice(0, -1)],
    ['an array', '[]'],
    ['a string', '"holdfast"'],
    ['a number', '1'],
    ['no cluster_id', without('cluster_id')],
    ['no store_id', without('store_id')],
    ['no name', without('name')],
    ['no peers', without('peers')],
    ['a cluster_id that is no UUID', having({ cluster_id: 'x' })],
    ['a store_id in upper case', having({ store_id: 'ABCDE000-0000-4000-8000-000000000001' })],
    ['a name that is a number', having({ name: 7 })],
    ['peers that are no list', having({ peers: {} })],
    ['a peer that is null', having({ peers: [null] })],
    ['a peer without store_id', having({ peers: [{ ...PEER, store_id: undefined }] })],
    ['a peer without a location', having({ peers: [PEER, { ...PEER, location: undefined }] })],
  ])('is unreadable where holdfast.json holds %s', async (_fault, text) => {
    await put(text);
    await expect(readIdentity(fs, '/store')).rejects.toMatchObject({
      code: 'store_unreadable',
      context: { path: '/store/holdfast.json' },
    });
  });

  it.each([
    ['null', 'null'],
    ['no format', without('format')],
    ['a format that is a text', having({ format: '1' })],
  ])('is unreadable where holdfast.json holds %s, too', async (_fault, text) => {
    await put(text);
    await expect(readIdentity(fs, '/store')).rejects.toMatchObject({ code: 'store_unreadable' });
  });
});
