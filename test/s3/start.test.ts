/** The built server with a replica in a bucket: a start that meets it, misses it, and meets it again. */
import { FAKE_S3_ACCESS, FakeS3 } from '#libs/stores/testing';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';

let fake: FakeS3;
let settings: Record<string, string>;

beforeAll(async () => {
  fake = await FakeS3.start();
});
beforeEach(() => {
  fake.heal();
  fake.buckets.clear();
  settings = {
    REPLICAS: `cloud=s3://backup/site?endpoint=${fake.endpoint}`,
    AWS_ACCESS_KEY_ID: FAKE_S3_ACCESS.awsAccessKeyId,
    AWS_SECRET_ACCESS_KEY: FAKE_S3_ACCESS.awsSecretAccessKey,
  };
});
afterAll(() => fake[Symbol.asyncDispose]());

const storeIdInBucket = (): unknown =>
  (JSON.parse(fake.buckets.get('backup')?.get('site/holdfast.json')?.toString() ?? '{}') as Record<string, unknown>)[
    'store_id'
  ];

async function peersOf(server: TestServer): Promise<Record<string, unknown>[]> {
  const identity = JSON.parse(await readFile(join(server.installation.primary, 'holdfast.json'), 'utf8')) as {
    peers: Record<string, unknown>[];
  };
  return identity.peers;
}

async function owedTo(server: TestServer): Promise<unknown> {
  const answer = await fetch(`${server.url}/write?name=f`, { method: 'PUT', body: 'bytes' });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { replication: { stores: unknown } }).replication.stores;
}

it('makes the bucket a store, and shows it without secrets', async () => {
  const server = await startServer(settings);
  expect(await owedTo(server)).toMatchObject([{ name: 'cloud' }]);
  const [peer] = await peersOf(server);
  expect(peer).toEqual({
    store_id: storeIdInBucket(),
    name: 'cloud',
    location: expect.stringContaining('s3://backup/site?'),
  });
  expect(JSON.stringify(server.process.stdout) + server.process.stderr).not.toContain(
    FAKE_S3_ACCESS.awsSecretAccessKey,
  );
});

it('starts while a new bucket cannot be reached, owes it files, and makes it when it is back', async () => {
  fake.fault({ does: { answer: 503, code: 'SlowDown' } });
  const server = await startServer(settings);
  expect(await owedTo(server)).toMatchObject([{ name: 'cloud' }]);
  const [peer] = await peersOf(server);
  expect(peer).toMatchObject({ unmade: true });
  fake.heal();
  await server.restart();
  expect(storeIdInBucket()).toBe(peer!['store_id']);
  expect((await peersOf(server))[0]!['unmade']).toBeUndefined();
});

it.each([
  ['with wrong credentials', { AWS_ACCESS_KEY_ID: 'AKWRONG' }],
  ['without credentials', { AWS_ACCESS_KEY_ID: '' }],
])('starts %s, without a storm of requests, and says so', async (_how, wrong) => {
  const before = fake.requests.length;
  const server = await startServer({ ...settings, ...wrong });
  expect(await owedTo(server)).toMatchObject([{ name: 'cloud' }]);
  // The look at the start, a probe, and the trials of the first copy.
  expect(fake.requests.length - before).toBeLessThanOrEqual(5);
  const warning = server.process.logLines().find(({ replica }) => replica === 'cloud');
  expect(JSON.stringify(warning)).toContain('store_refused');
  expect(JSON.stringify(server.process.stdout)).not.toContain(FAKE_S3_ACCESS.awsSecretAccessKey);
});

it('makes nothing in a bucket that was emptied while it was stopped', async () => {
  const server = await startServer(settings);
  await server.process.stop('SIGTERM');
  fake.buckets.get('backup')!.clear();
  await server.start();
  expect(await owedTo(server)).toMatchObject([{ name: 'cloud' }]);
  expect([...fake.buckets.get('backup')!.keys()]).toEqual([]);
});
