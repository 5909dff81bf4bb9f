/** The store in a bucket against a real server, Ceph's gateway: the contract, its making, and its bad days. */
import type { S3Access, S3Location } from '#libs/config';
import { newUuid, StoreError } from '#libs/kernel';
import type { ChunkId, StoreId } from '#libs/kernel';
import { S3Place } from '#libs/stores';
import type { Store } from '#libs/stores';
import { chunkOf, setAsideInBucket, storeContract, TEST_IDENTITY } from '#libs/stores/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CuttingProxy } from '../services/cutting-proxy.js';
import { Radosgw, whyNoRadosgw } from '../services/radosgw.js';
import type { GatewayUser } from '../services/radosgw.js';

const why = whyNoRadosgw();
if (why !== undefined) console.warn(`test/s3 is skipped: ${why}`);

/** As many attempts as in production, sooner after one another. */
const ATTEMPTS = 4;
const LIMITS = {
  attempts: ATTEMPTS,
  backoff: { baseMs: 10, maxMs: 50 },
  retryAfterMaxMs: 5_000,
  connectMs: 3_000,
  idleMs: 15_000,
  attemptMs: 60_000,
  sockets: 16,
};

let gateway: Radosgw;
let owner: GatewayUser;
let buckets = 0;

const locationOf = (changes: Partial<S3Location> = {}): S3Location => ({
  kind: 's3',
  name: 'replica',
  bucket: `bucket-${buckets}`,
  prefix: '',
  endpoint: gateway.endpoint,
  region: undefined,
  ...changes,
});

function placeOf(changes: Partial<S3Location> = {}, user: Partial<S3Access> = {}, limits = LIMITS): S3Place {
  const access = { ...owner, awsSessionToken: '', awsRegion: '', ...user };
  return new S3Place(locationOf(changes), access, limits);
}

async function newStore(changes: Partial<S3Location> = {}, limits = LIMITS): Promise<Store> {
  buckets += 1;
  const place = placeOf(changes, {}, limits);
  await place.init(TEST_IDENTITY);
  return place.open(TEST_IDENTITY);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => 'no error',
    (error: unknown) => (StoreError.is(error) ? error.code : String(error)),
  );
}

describe.skipIf(why !== undefined)('against radosgw', () => {
  beforeAll(async () => {
    gateway = await Radosgw.start();
    owner = await gateway.makeUser('owner');
  });
  afterAll(() => gateway?.[Symbol.asyncDispose]());

  storeContract('S3 on radosgw', async () => {
    const proxy = await CuttingProxy.to(Number(new URL(gateway.endpoint).port));
    const changes = { endpoint: proxy.endpoint, prefix: 'site/copies' };
    const store = await newStore(changes);
    const location = locationOf(changes);
    return {
      store,
      setAside: () => setAsideInBucket(location, { ...owner, awsSessionToken: '', awsRegion: '' }),
      failNextPut: () => proxy.cutNextPut(ATTEMPTS),
      cleanUp: () => proxy[Symbol.asyncDispose](),
    };
  });

  describe('a place', () => {
    it('is made, with its bucket, and says who it is', async () => {
      buckets += 1;
      expect(await placeOf().identify()).toBeUndefined();
      await placeOf().init(TEST_IDENTITY);
      expect(await placeOf().identify()).toEqual(TEST_IDENTITY);
      await placeOf().init(TEST_IDENTITY);
    });

    it('is not made over another store', async () => {
      await newStore();
      const other = { ...TEST_IDENTITY, storeId: newUuid<StoreId>() };
      expect(await codeOf(placeOf().init(other))).toBe('store_foreign');
      expect(await placeOf().identify()).toEqual(TEST_IDENTITY);
    });
  });

  it('deletes more than a thousand', async () => {
    const store = await newStore();
    const chunks = Array.from({ length: 1_050 }, (_, index) => chunkOf(`chunk ${index}`));
    await store.putAll(chunks);
    expect((await store.list('chunk', { limit: 1_025 })).ids).toHaveLength(1_025);
    await store.deleteAll(chunks.map(({ key }) => key));
    expect(await store.list('chunk', { limit: 5 })).toEqual({ ids: [], next: undefined });
  });

  it('keeps a chunk of the largest size', async () => {
    const store = await newStore();
    const chunk = chunkOf(Buffer.alloc(8 * 2 ** 20, 'abcdefg'));
    await store.put(chunk.key, chunk.bytes);
    expect((await store.get(chunk.key))?.equals(chunk.bytes)).toBe(true);
  });

  describe('a bad day', () => {
    const anyChunk = { kind: 'chunk', id: '0'.repeat(64) as ChunkId } as const;

    it.each([
      ['an unknown key', { awsAccessKeyId: 'AKNOBODY' }],
      ['a wrong secret', { awsSecretAccessKey: 'wrong' }],
    ])('%s is refused, by every call', async (_what, wrong) => {
      await newStore();
      const store = placeOf({}, wrong).open(TEST_IDENTITY);
      expect(await codeOf(placeOf({}, wrong).identify())).toBe('store_refused');
      for (const call of [
        () => store.put(anyChunk, Buffer.from('x')),
        () => store.get(anyChunk),
        () => store.has(anyChunk),
        () => store.delete(anyChunk),
        () => store.deleteAll([anyChunk, anyChunk]),
        () => store.list('chunk', { limit: 5 }),
      ])
        expect(await codeOf(call())).toBe('store_refused');
    });

    it('the bucket of somebody else is refused', async () => {
      await newStore();
      const stranger = await gateway.makeUser('stranger');
      expect(await codeOf(placeOf({}, stranger).identify())).toBe('store_refused');
      expect(await codeOf(placeOf({}, stranger).init(TEST_IDENTITY))).toBe('store_refused');
    });

    it('a bucket that is gone is unreachable, and no empty store', async () => {
      buckets += 1;
      const store = placeOf().open(TEST_IDENTITY);
      for (const call of [
        () => store.put(anyChunk, Buffer.from('x')),
        () => store.get(anyChunk),
        () => store.delete(anyChunk),
        () => store.list('chunk', { limit: 5 }),
      ])
        expect(await codeOf(call())).toBe('store_unreachable');
    });

    it('a quota is a full store, on which deletes go on', async () => {
      const user = await gateway.makeUser('limited');
      await gateway.limitObjects('limited', 3);
      buckets += 1;
      const place = placeOf({}, user);
      await place.init(TEST_IDENTITY);
      const store = place.open(TEST_IDENTITY);
      const chunks = Array.from({ length: 20 }, (_, index) => chunkOf(`chunk ${index}`));
      const codes: string[] = [];
      for (const { key, bytes } of chunks) codes.push(await codeOf(store.put(key, bytes)));
      expect(codes).toContain('store_full');
      expect(new Set(codes)).toEqual(new Set(['no error', 'store_full']));
      await store.deleteAll(chunks.map(({ key }) => key));
      expect((await store.list('chunk', { limit: 5 })).ids).toEqual([]);
    });

    it('a server that hangs is unreachable, and goes on where it was', async () => {
      const limits = { ...LIMITS, attemptMs: 500 };
      const store = await newStore({}, limits);
      const chunk = chunkOf('kept');
      await store.put(chunk.key, chunk.bytes);
      gateway.signalGateway('SIGSTOP');
      try {
        expect(await codeOf(store.get(chunk.key))).toBe('store_unreachable');
      } finally {
        gateway.signalGateway('SIGCONT');
      }
      expect((await placeOf().open(TEST_IDENTITY).get(chunk.key))?.toString()).toBe('kept');
    });

    it('a server that is killed is unreachable, and has every put it answered when it is back', async () => {
      const store = await newStore();
      const chunk = chunkOf('kept');
      await store.put(chunk.key, chunk.bytes);
      await gateway.killGateway();
      expect(await codeOf(store.get(chunk.key))).toBe('store_unreachable');
      expect(await codeOf(placeOf().identify())).toBe('store_unreachable');
      await gateway.startGateway();
      expect((await store.get(chunk.key))?.toString()).toBe('kept');
    });
  });
});
