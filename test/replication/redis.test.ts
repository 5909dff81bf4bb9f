/** Replication by way of Redis and workers, on days on which one of them dies, forgets, fills or hangs. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { reasonWithoutRedis } from '../services/redis.js';
import { whySkipped } from '../services/why-skipped.js';
import { Fleet, REPLICAS } from './fleet.js';
import { nothingOwed, statusOf, sync } from './replica-client.js';
import { contentOf, filesIn } from './stores.js';
import type { StoreContent } from './stores.js';
import { eventually } from './wait-until.js';

const reason = reasonWithoutRedis();
const LARGE = { MAX_FILE_SIZE: '64MiB' };

let serial = 0;

/** Small ones, and one of several chunks. */
async function upload(fleet: Fleet, count: number): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (let index = 0; index < count; index += 1) {
    serial += 1;
    const sizeBytes = index === 0 ? 3 * CHUNK_SIZE : 100;
    files.push(await store(fleet.url, { name: `file-${serial}`, content: testBytes(sizeBytes, serial) }));
  }
  return files;
}

/** Resolves when all that is owed of them waits in Redis; no more files than jobs may be in flight. */
async function uploadWaiting(fleet: Fleet): Promise<StoredFile[]> {
  const files = await upload(fleet, 2);
  await eventually(() => fleet.filesWaiting('jobs', files), files.length * REPLICAS.length);
  return files;
}

async function remove(fleet: Fleet, { file_id: fileId }: StoredFile): Promise<void> {
  expect((await ask(`${fleet.url}/files/${fileId}`, { method: 'DELETE' })).status).toBe(204);
}

async function contents(fleet: Fleet): Promise<[primary: StoreContent, ...replicas: StoreContent[]]> {
  const replicas = REPLICAS.map((name) => contentOf(fleet.replica(name)));
  return [await contentOf(fleet.installation.primary), ...(await Promise.all(replicas))];
}

/** Nothing is owed, and every replica has what the primary has, these files among it, whole. */
async function expectCopied(fleet: Fleet, files: readonly StoredFile[]): Promise<void> {
  await nothingOwed(fleet);
  const [primary, ...replicas] = await contents(fleet);
  expect(Object.keys(primary.manifests)).toEqual(expect.arrayContaining(files.map(({ file_id: fileId }) => fileId)));
  for (const [chunkId, digest] of Object.entries(primary.chunks)) expect(digest).toBe(chunkId);
  for (const replica of replicas) expect(replica).toEqual(primary);
}

async function expectGone(fleet: Fleet, { file_id: fileId }: StoredFile): Promise<void> {
  for (const { manifests, tombstones } of await contents(fleet)) {
    expect([fileId in manifests, fileId in tombstones]).toEqual([false, true]);
  }
  expect((await ask(`${fleet.url}/download/${fileId}`)).status).toBe(404);
}

async function queueState({ url }: Fleet): Promise<string> {
  return (await ask(`${url}/admin/replicas/status`)).json<{ queue: { state: string } }>().queue.state;
}

/** Uploads what takes a worker a while to copy, and stops the worker in the middle; tries again where it was too fast. */
async function uploadAndPause(fleet: Fleet, count: number): Promise<StoredFile[]> {
  const contentOfEach = (): Buffer => randomBytes((1_000 / count) * CHUNK_SIZE);
  for (let attempt = 1; ; attempt += 1) {
    const uploads = Array.from({ length: count }, () => store(fleet.url, { name: 'large', content: contentOfEach() }));
    await fleet.pauseMidCopy('replica1');
    const copied = Object.keys((await contentOf(fleet.replica('replica1'))).manifests);
    const files = await Promise.all(uploads);
    if (files.every(({ file_id: fileId }) => !copied.includes(fileId))) return files;
    expect(attempt).toBeLessThan(5);
    fleet.workers[0]!.signal('SIGCONT');
    await nothingOwed(fleet);
  }
}

describe.skipIf(reason !== undefined)(`replication by way of Redis${whySkipped(reason)}`, () => {
  let fleet: Fleet;

  beforeAll(async () => {
    fleet = await Fleet.make();
    await fleet.startAll();
  });
  afterAll(() => fleet.remove());

  it('goes on behind a Redis that is killed under load, and starts empty', async () => {
    const before = upload(fleet, 20);
    await eventually(async () => (await filesIn(join(fleet.replica('replica1'), 'manifests'))).length > 0, true);
    await fleet.redis.stop('SIGKILL');
    const files = [...(await before), ...(await upload(fleet, 3))];
    await eventually(() => queueState(fleet), 'unavailable');
    await fleet.redis.start();
    files.push(...(await upload(fleet, 3)));
    await expectCopied(fleet, files);
    await eventually(() => queueState(fleet), 'ready');
  });

  it.each<[string, harm: string[], mend: string[]]>([
    ['is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
    ['takes no writes', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
  ])('waits for a Redis that %s, and takes uploads meanwhile', async (_, [harm, ...how], [mend, ...back]) => {
    await fleet.redis.command(harm!, ...how);
    const files = await upload(fleet, 3);
    await eventually(() => queueState(fleet), 'unavailable');
    await fleet.redis.command(mend!, ...back);
    await expectCopied(fleet, files);
  });

  it('has what was flushed with jobs waiting done all the same', async () => {
    await fleet.stopWorkers();
    const files = await uploadWaiting(fleet);
    await fleet.redis.command('FLUSHALL');
    await fleet.startWorker();
    await expectCopied(fleet, files);
  });

  it('closes what was copied while the server was dead', async () => {
    await fleet.stopWorkers();
    const files = await uploadWaiting(fleet);
    await fleet.server.stop('SIGKILL');
    await fleet.startWorker();
    await eventually(() => fleet.filesWaiting('results', files), files.length * REPLICAS.length);
    await fleet.stopWorkers();
    await fleet.startServer();
    // By the results that waited: there is nobody to do anything anew. What was handed out again is done once more.
    await expectCopied(fleet, files);
    await fleet.startWorker();
    await eventually(() => fleet.filesWaiting('jobs'), 0);
  });

  it('closes nothing by the results of a catalog that is gone', async () => {
    await fleet.stopWorkers();
    const files = await uploadWaiting(fleet);
    // In order, so that nothing is replayed: an order given twice would have another generation.
    await fleet.server.stop();
    await fleet.startWorker();
    await eventually(() => fleet.filesWaiting('results', files), files.length * REPLICAS.length);
    await fleet.stopWorkers();
    await fleet.removeCatalog();
    await fleet.startServer();
    await eventually(() => fleet.filesWaiting('results'), 0);
    const owed = Object.keys((await contentOf(fleet.installation.primary)).manifests).length;
    for (const { obligations } of await statusOf(fleet)) expect(obligations.put).toBe(owed);
    await fleet.startWorker();
    await expectCopied(fleet, files);
  });

  // Last, because it leaves chunks on the primary that are garbage and were never copied.
  it('keeps gone what was deleted while a replica was away, whatever comes back', async () => {
    const [old] = await upload(fleet, 1);
    await nothingOwed(fleet);
    await fleet.takeAway('replica2');
    const [brief, kept] = await upload(fleet, 2);
    await remove(fleet, brief!);
    await remove(fleet, old!);
    await fleet.bringBack('replica2');
    await sync(fleet);
    await nothingOwed(fleet);
    for (const file of [old!, brief!]) await expectGone(fleet, file);
    await fleet.server.stop('SIGKILL');
    await fleet.removeCatalog();
    await fleet.startServer();
    await sync(fleet);
    await nothingOwed(fleet);
    for (const file of [old!, brief!]) await expectGone(fleet, file);
    for (const { manifests } of await contents(fleet)) expect(Object.keys(manifests)).toContain(kept!.file_id);
  });
});

describe
  .skipIf(reason !== undefined)
  .concurrent(`with processes of its own, replication by way of Redis${whySkipped(reason)}`, () => {
    it('begins when a Redis comes that was away at the start', () =>
      Fleet.during(async (fleet) => {
        await fleet.startServer();
        await fleet.startWorker();
        const files = await upload(fleet, 3);
        expect((await ask(`${fleet.url}/ready`)).status).toBe(200);
        expect(await queueState(fleet)).toBe('unavailable');
        await fleet.redis.start();
        await expectCopied(fleet, files);
      }));

    it('gives the work of a worker that is killed in the middle of a copy to another', () =>
      Fleet.during(async (fleet) => {
        const worker = await fleet.startAll();
        const files = await uploadAndPause(fleet, 1);
        await worker.stop('SIGKILL');
        await fleet.startWorker();
        await expectCopied(fleet, files);
      }, LARGE));

    it('keeps gone what was deleted while a worker was stopped, and whole what another one copied meanwhile', () =>
      Fleet.during(async (fleet) => {
        const paused = await fleet.startAll();
        const [deleted, kept] = await uploadAndPause(fleet, 2);
        await remove(fleet, deleted!);
        await fleet.startWorker();
        await nothingOwed(fleet);
        await expectGone(fleet, deleted!);
        paused.signal('SIGCONT');
        // It ends what it has begun, late.
        expect(await paused.stop()).toEqual({ code: 0, signal: null });
        await expectGone(fleet, deleted!);
        for (const { manifests } of await contents(fleet)) expect(Object.keys(manifests)).toContain(kept!.file_id);
        expect(sha256((await ask(`${fleet.url}/download/${kept!.file_id}`)).body)).toBe(kept!.sha256);
        expect((await statusOf(fleet)).map(({ lag }) => lag.files)).toEqual([0, 0]);
      }, LARGE));
  });
