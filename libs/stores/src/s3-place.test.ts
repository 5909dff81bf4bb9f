import type { S3Access, S3Location } from '#libs/config';
import { newUuid, StoreError } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FAKE_S3_ACCESS, FakeS3, TEST_IDENTITY } from '../testing/src/index.js';
import { S3_LIMITS } from './s3-connection.js';
import { S3Place } from './s3-place.js';

let fake: FakeS3;

beforeEach(async () => {
  fake = await FakeS3.start();
});
afterEach(() => fake[Symbol.asyncDispose]());

const LIMITS = { ...S3_LIMITS, backoff: { baseMs: 1, maxMs: 2 } };
const other = { ...TEST_IDENTITY, clusterId: newUuid<ClusterId>(), storeId: newUuid<StoreId>() };

function placeAt(changes: Partial<S3Location> = {}, access: Partial<S3Access> = {}): S3Place {
  const location: S3Location = {
    kind: 's3',
    name: 'replica',
    bucket: 'bucket',
    prefix: '',
    endpoint: fake.endpoint,
    region: undefined,
    ...changes,
  };
  return new S3Place(location, { ...FAKE_S3_ACCESS, ...access }, LIMITS);
}

describe('a place in a bucket', () => {
  it('is no store before it is made one, and makes its bucket', async () => {
    const place = placeAt();
    expect(await place.identify()).toBeUndefined();
    await place.init(TEST_IDENTITY);
    expect(await place.identify()).toEqual(TEST_IDENTITY);
    expect([...fake.buckets.get('bucket')!.keys()]).toEqual(['holdfast.json']);
  });

  it('uses a bucket that is there, and leaves alone what is in it', async () => {
    fake.buckets.set('bucket', new Map([['other', Buffer.from('x')]]));
    await placeAt({ prefix: 'a/b' }).init(TEST_IDENTITY);
    expect([...fake.buckets.get('bucket')!.keys()]).toEqual(['other', 'a/b/holdfast.json']);
    expect(await placeAt().identify()).toBeUndefined();
  });

  it('can be made again as what it is, after an answer that was lost', async () => {
    await placeAt().init(TEST_IDENTITY);
    await placeAt().init(TEST_IDENTITY);
    expect(await placeAt().identify()).toEqual(TEST_IDENTITY);
  });

  it('is not made over another store', async () => {
    await placeAt().init(other);
    await expect(placeAt().init(TEST_IDENTITY)).rejects.toMatchObject({ code: 'store_foreign' });
    expect(await placeAt().identify()).toEqual(other);
  });

  it('is made one store by two that begin at once', async () => {
    const outcomes = await Promise.allSettled([placeAt().init(TEST_IDENTITY), placeAt().init(other)]);
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  it('is made on a server that knows no conditions', async () => {
    fake.isPlain = true;
    await placeAt().init(TEST_IDENTITY);
    expect(await placeAt().identify()).toEqual(TEST_IDENTITY);
  });

  it('is not made over another store on such a server either', async () => {
    fake.isPlain = true;
    await placeAt().init(other);
    await expect(placeAt().init(TEST_IDENTITY)).rejects.toMatchObject({ code: 'store_foreign' });
    expect(await placeAt().identify()).toEqual(other);
  });

  it('that is damaged is not taken for empty', async () => {
    fake.buckets.set('bucket', new Map([['holdfast.json', Buffer.from('{')]]));
    await expect(placeAt().identify()).rejects.toMatchObject({ code: 'store_unreadable' });
    await expect(placeAt().init(TEST_IDENTITY)).rejects.toMatchObject({ code: 'store_unreadable' });
  });

  it('that answers 404 as no S3 server does is not taken for empty', async () => {
    fake.fault({ does: { answer: 404 } });
    await expect(placeAt().identify()).rejects.toMatchObject({ code: 'store_unreachable' });
  });

  it('whose bucket is gone answers as unreachable', async () => {
    await placeAt().init(TEST_IDENTITY);
    const store = placeAt().open(TEST_IDENTITY);
    fake.buckets.clear();
    await expect(store.list('chunk', { limit: 1 })).rejects.toMatchObject({
      code: 'store_unreachable',
      message: expect.stringContaining('has no such bucket'),
    });
    expect(await placeAt().identify()).toBeUndefined();
  });
});

describe('a server that is away', () => {
  it('is unreachable, and told apart from an empty place', async () => {
    const closed = createServer().listen(0, '127.0.0.1');
    await once(closed, 'listening');
    const { port } = closed.address() as AddressInfo;
    await once(closed.close(), 'close');
    const place = placeAt({ endpoint: `http://127.0.0.1:${port}` });
    await expect(place.identify()).rejects.toMatchObject({
      code: 'store_unreachable',
      context: { s3_code: 'ECONNREFUSED' },
    });
  });
});

describe('credentials', () => {
  it.each([
    ['no id', { awsAccessKeyId: '' }, 'AWS_ACCESS_KEY_ID'],
    ['no secret', { awsSecretAccessKey: '' }, 'AWS_SECRET_ACCESS_KEY'],
  ])('%s: asks for nothing, and names the variable', async (_what, access, name) => {
    const failure = placeAt({}, access).identify();
    await expect(failure).rejects.toMatchObject({ code: 'store_refused', message: expect.stringContaining(name) });
    expect(fake.requests).toEqual([]);
  });

  it('that are wrong are refused after one request, and nothing of them is told', async () => {
    const secrets = { awsAccessKeyId: 'AKWRONG', awsSecretAccessKey: 'hunter2', awsSessionToken: 'token2' };
    const error = await placeAt({}, secrets)
      .identify()
      .catch((cause: unknown) => cause);
    expect(StoreError.is(error, 'store_refused')).toBe(true);
    expect(fake.requests).toHaveLength(1);
    const { message, stack, context, cause } = error as StoreError;
    expect(JSON.stringify([message, stack, context, cause])).not.toMatch(/AKWRONG|hunter2|token2/);
  });

  it('are not taken from anywhere else', async () => {
    process.env['AWS_ACCESS_KEY_ID'] = FAKE_S3_ACCESS.awsAccessKeyId;
    process.env['AWS_SECRET_ACCESS_KEY'] = 'secret';
    try {
      await expect(placeAt({}, { awsAccessKeyId: '' }).identify()).rejects.toMatchObject({ code: 'store_refused' });
    } finally {
      delete process.env['AWS_ACCESS_KEY_ID'];
      delete process.env['AWS_SECRET_ACCESS_KEY'];
    }
  });
});
