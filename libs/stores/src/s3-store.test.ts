import type { S3Location } from '#libs/config';
import { newFileId, StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  chunkOf,
  FAKE_S3_ACCESS,
  FakeS3,
  setAsideInBucket,
  storeContract,
  TEST_IDENTITY,
} from '../testing/src/index.js';
import type { S3Fault } from '../testing/src/index.js';
import { S3_LIMITS } from './s3-connection.js';
import type { S3Limits } from './s3-connection.js';
import { S3Place } from './s3-place.js';
import type { ObjectKey, Store } from './store.js';

/** As in production, but impatient. */
const LIMITS: S3Limits = {
  ...S3_LIMITS,
  backoff: { baseMs: 1, maxMs: 2 },
};

const locationAt = (endpoint: string, changes: Partial<S3Location> = {}): S3Location => ({
  kind: 's3',
  name: 'replica',
  bucket: 'bucket',
  prefix: '',
  endpoint,
  region: undefined,
  ...changes,
});

async function storeOn(fake: FakeS3, changes: Partial<S3Location> = {}, limits = LIMITS): Promise<Store> {
  const place = new S3Place(locationAt(fake.endpoint, changes), FAKE_S3_ACCESS, limits);
  await place.init(TEST_IDENTITY);
  return place.open(TEST_IDENTITY);
}

storeContract('S3', async () => {
  const own = await FakeS3.start();
  return {
    store: await storeOn(own),
    failNextPut: () => own.fault({ method: 'PUT', objects: 'one', does: 'cuts', times: LIMITS.attempts }),
    setAside: () => setAsideInBucket(locationAt(own.endpoint), FAKE_S3_ACCESS),
    cleanUp: () => own[Symbol.asyncDispose](),
  };
});

let fake: FakeS3;
let store: Store;
const chunk = chunkOf(Buffer.alloc(10_000, 'chunk'));

beforeAll(async () => {
  fake = await FakeS3.start();
  store = await storeOn(fake);
});
afterEach(() => {
  fake.heal();
  fake.isPlain = false;
  fake.undeletable = undefined;
});
afterAll(() => fake[Symbol.asyncDispose]());

/** How a call failed, and how many requests it cost. */
async function failureOf(call: () => Promise<unknown>): Promise<{ error: StoreError; requests: number }> {
  const before = fake.requests.length;
  try {
    await call();
  } catch (error) {
    if (StoreError.is(error)) return { error, requests: fake.requests.length - before };
    throw error;
  }
  throw new Error('the call succeeded');
}

const answer = (status: number, code?: string, headers?: Record<string, string>): S3Fault => ({
  does: { answer: status, ...(code === undefined ? {} : { code }), ...(headers === undefined ? {} : { headers }) },
});

describe('a bad day, met by each call', () => {
  const calls: readonly [string, () => Promise<unknown>][] = [
    ['put', () => store.put(chunk.key, chunk.bytes)],
    ['putAll', () => store.putAll([chunk])],
    ['get', () => store.get(chunk.key)],
    ['getRange', () => store.getRange(chunk.key, { start: 1, end: 5 })],
    ['has', () => store.has(chunk.key)],
    ['delete', () => store.delete(chunk.key)],
    ['deleteAll', () => store.deleteAll([chunk.key])],
    ['setAside', () => store.setAside(chunk.key)],
    ['list', () => store.list('chunk', { limit: 5 })],
  ];
  /** The last: what is left of it in an answer to HEAD, which has no body to name the error. */
  const days: readonly [string, S3Fault, ErrorCode, number, ErrorCode?][] = [
    ['an error on its side', answer(500, 'InternalError'), 'store_unreachable', 4],
    ['503', answer(503, 'ServiceUnavailable'), 'store_unreachable', 4],
    ['SlowDown', answer(503, 'SlowDown'), 'store_unreachable', 4],
    ['SlowDown, not before a minute', answer(503, 'SlowDown', { 'retry-after': '60' }), 'store_unreachable', 1],
    ['a gateway without a code', answer(502), 'store_unreachable', 4],
    ['connections that end', { does: 'cuts' }, 'store_unreachable', 4],
    ['the page of something that is no S3 server', { does: 'page' }, 'store_unreachable', 4],
    ['forbidden', answer(403, 'AccessDenied'), 'store_refused', 1],
    ['forbidden without a code', answer(403), 'store_refused', 1],
    ['an expired token', answer(400, 'ExpiredToken'), 'store_refused', 1, 'store_unreachable'],
    ['another region', answer(301, 'PermanentRedirect'), 'store_unreachable', 1],
    ['a quota', answer(403, 'QuotaExceeded'), 'store_full', 1, 'store_refused'],
    ['no room', answer(507, 'XMinioStorageFull'), 'store_full', 1],
  ];

  describe.each(calls)('%s', (name, call) => {
    it.each(days)('%s', async (_day, fault, code, requests, codeOfHead = code) => {
      fake.fault(fault);
      const { error, requests: seen } = await failureOf(call);
      expect(error.code).toBe(name === 'has' ? codeOfHead : code);
      expect(seen).toBe(requests);
    });
  });
});

describe('a server that falls silent', () => {
  it.each<[string, Partial<S3Limits>]>([
    ['of an attempt', { attemptMs: 300 }],
    ['of an idle connection', { idleMs: 300 }],
  ])('is left at the limit %s, a bounded number of times', async (_which, limits) => {
    const impatient = await storeOn(fake, {}, { ...LIMITS, ...limits });
    fake.fault({ does: 'silent' });
    const { error, requests } = await failureOf(() => impatient.put(chunk.key, chunk.bytes));
    expect(error).toMatchObject({ code: 'store_unreachable', context: { s3_code: 'timeout' } });
    expect(requests).toBeLessThanOrEqual(LIMITS.attempts);
    fake.heal();
    await impatient.put(chunk.key, chunk.bytes);
  });

  it('is asked who it is for a bounded time, whatever an attempt may take', async () => {
    const place = new S3Place(locationAt(fake.endpoint), FAKE_S3_ACCESS, LIMITS);
    fake.fault({ does: 'silent' });
    const { error, requests } = await failureOf(() => place.identify());
    expect(error.code).toBe('store_unreachable');
    expect(requests).toBe(1);
  });
});

describe('a moment that passes', () => {
  it.each<[string, S3Fault]>([
    ['503', answer(503, 'SlowDown')],
    ['a second that the server asks for', answer(503, 'SlowDown', { 'retry-after': '1' })],
    ['a connection that ends', { does: 'cuts' }],
    ['a body that ends early', { method: 'GET', does: 'truncates' }],
  ])('%s is not noticed', async (_what, fault) => {
    fake.fault({ ...fault, times: 1 });
    await store.put(chunk.key, chunk.bytes);
    fake.fault({ ...fault, times: 1 });
    expect((await store.get(chunk.key))?.equals(chunk.bytes)).toBe(true);
  });

  it('is waited for as long as the server says', async () => {
    fake.fault({ ...answer(503, 'SlowDown', { 'retry-after': '1' }), times: 1 });
    const start = performance.now();
    await store.put(chunk.key, chunk.bytes);
    // Timers may end a millisecond early.
    expect(performance.now() - start).toBeGreaterThan(990);
  });
});

describe('a body', () => {
  it('that always ends early is never given away', async () => {
    await store.put(chunk.key, chunk.bytes);
    fake.fault({ method: 'GET', does: 'truncates' });
    for (const into of [undefined, Buffer.alloc(20_000)]) {
      const read = () => store.get(chunk.key, into === undefined ? {} : { into });
      expect(await failureOf(read)).toMatchObject({ error: { code: 'store_unreachable' }, requests: 4 });
    }
  });

  it('that was garbled on its way to the server is not kept', async () => {
    const { requests } = await failureOf(async () => {
      fake.fault({ ...answer(400, 'BadDigest'), method: 'PUT' });
      await store.put(chunk.key, chunk.bytes);
    });
    expect(requests).toBe(4);
  });

  it('with wrong bytes comes as it is: whoever reads it has the digest', async () => {
    await store.put(chunk.key, chunk.bytes);
    fake.fault({ method: 'GET', does: 'flips', times: 1 });
    const read = (await store.get(chunk.key))!;
    expect(read).toHaveLength(chunk.bytes.length);
    expect(read.equals(chunk.bytes)).toBe(false);
  });

  it('longer than an object can be is not read to its end', async () => {
    fake.buckets.get('bucket')!.set(`chunks/${chunk.key.id.slice(0, 2)}/${chunk.key.id}`, Buffer.alloc(33 * 2 ** 20));
    expect(await store.get(chunk.key)).toHaveLength(32 * 2 ** 20);
    await store.delete(chunk.key);
  });
});

describe('deletes of many', () => {
  const keys = (count: number): ObjectKey[] =>
    Array.from({ length: count }, (_, index) => ({ kind: 'tombstone', id: newFileId(index) }));
  const requestsOf = async (call: () => Promise<void>): Promise<number> => {
    const before = fake.requests.length;
    await call();
    return fake.requests.length - before;
  };

  it('take a request for a thousand', async () => {
    const many = keys(1001);
    await store.putAll(many.map((key) => ({ key, bytes: Buffer.from('x') })));
    expect(await requestsOf(() => store.deleteAll(many))).toBe(2);
    expect((await store.list('tombstone', { limit: 5 })).ids).toEqual([]);
  });

  it('go one by one where the server does not know them', async () => {
    fake.isPlain = true;
    const some = keys(20);
    await store.putAll(some.map((key) => ({ key, bytes: Buffer.from('x') })));
    expect(await requestsOf(() => store.deleteAll(some))).toBe(21);
    expect((await store.list('tombstone', { limit: 5 })).ids).toEqual([]);
  });

  it('ask again for what one answer of many left', async () => {
    const some = keys(5);
    fake.undeletable = `tombstones/${some[3]!.id.slice(-2)}/${some[3]!.id}`;
    await store.putAll(some.map((key) => ({ key, bytes: Buffer.from('x') })));
    await store.deleteAll(some);
    expect((await store.list('tombstone', { limit: 5 })).ids).toEqual([]);
  });

  it('of nothing ask for nothing', async () => {
    expect(await requestsOf(() => store.deleteAll([]))).toBe(0);
  });
});

describe('a listing', () => {
  it('shows no stranger, and asks on behind a page of strangers', async () => {
    const objects = fake.buckets.get('bucket')!;
    for (let index = 0; index < 10; index += 1) objects.set(`chunks/00/stranger-${index}`, Buffer.from('x'));
    // In a shard that is not its own nobody finds it.
    objects.set(`chunks/zz/${chunk.key.id}`, Buffer.from('x'));
    await store.put(chunk.key, chunk.bytes);
    expect(await store.list('chunk', { limit: 2 })).toEqual({ ids: [chunk.key.id], next: undefined });
    for (const key of objects.keys()) if (key.startsWith('chunks/')) objects.delete(key);
  });
});

it('what is set aside stands below corrupt/ once, however often the copy is tried', async () => {
  await store.put(chunk.key, Buffer.from('bad'));
  fake.fault({ method: 'PUT', times: 2, does: { answer: 503, code: 'ServiceUnavailable' } });
  await store.setAside(chunk.key);
  const aside = await setAsideInBucket(locationAt(fake.endpoint), FAKE_S3_ACCESS);
  expect([...aside.values()]).toEqual(['bad']);
});
