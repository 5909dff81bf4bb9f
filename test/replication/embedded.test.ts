/** Replication with the defaults: two directories, jobs in the process. */
import { createHash } from 'node:crypto';
import { rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { putRaw, store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer, useServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { nothingOwed, stateOf, statusOf, sync } from './replica-client.js';
import { contentOf, filesIn, recordPath } from './stores.js';
import { eventually } from './wait-until.js';

const bytesOf = (seed: string, sizeBytes: number): Buffer => {
  const pieces = Array.from({ length: Math.ceil(sizeBytes / 32) }, (_, index) =>
    createHash('sha256').update(`${seed} ${index}`).digest(),
  );
  return Buffer.concat(pieces).subarray(0, sizeBytes);
};

const LARGE = 3 * CHUNK_SIZE + 100;
const replicaOf = ({ installation }: TestServer, name: string): string => join(installation.directory, name);
const statesOf = (file: StoredFile): unknown => file.replication.stores.map(({ name, state }) => [name, state]);

async function describeFile({ url }: TestServer, fileId: string): Promise<StoredFile> {
  return (await ask(`${url}/files/${fileId}`)).json<StoredFile>();
}

async function syncUpload({ url }: TestServer, name: string, content: Buffer, query = '') {
  const answer = await ask(`${url}/write?name=${name}&replication=sync${query}`, { method: 'PUT', body: content });
  return { status: answer.status, file: answer.json<StoredFile>() };
}

describe('an async upload', () => {
  const server = useServer();

  it.each([
    ['inline', 100],
    ['of several chunks', LARGE],
    ['without a byte', 0],
  ])('%s is on every replica soon, byte for byte, and the receipt tells', async (name, sizeBytes) => {
    const file = await store(server.url, { name, content: bytesOf(name, sizeBytes) });
    expect(file.replication.mode).toBe('async');
    await eventually(
      async () => statesOf(await describeFile(server, file.file_id)),
      [
        ['replica1', 'stored'],
        ['replica2', 'stored'],
      ],
    );
    const primary = await contentOf(server.installation.primary);
    expect(Object.keys(primary.manifests)).toContain(file.file_id);
    for (const replica of ['replica1', 'replica2'])
      expect(await contentOf(replicaOf(server, replica))).toEqual(primary);
  });

  it('that is deleted is gone from every replica, and its tombstone is there', async () => {
    const file = await store(server.url, { name: 'gone', content: 'gone' });
    expect((await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' })).status).toBe(204);
    await nothingOwed(server);
    for (const replica of ['replica1', 'replica2']) {
      const content = await contentOf(replicaOf(server, replica));
      expect([file.file_id in content.manifests, file.file_id in content.tombstones]).toEqual([false, true]);
    }
  });

  it('leaves nothing in the staging of a replica', async () => {
    await nothingOwed(server);
    expect(await filesIn(join(replicaOf(server, 'replica1'), 'staging'))).toEqual([]);
  });
});

describe('a sync upload', () => {
  const server = useServer({ REPLICATION_TIMEOUT: '2s' });

  it.each([
    ['inline', 100],
    ['of several chunks', LARGE],
  ])('%s is answered 201 when every replica holds it', async (name, sizeBytes) => {
    const { status, file } = await syncUpload(server, name, bytesOf(`sync ${name}`, sizeBytes));
    const manifests = ['replica1', 'replica2'].map((replica) =>
      contentOf(replicaOf(server, replica)).then(({ manifests: found }) => file.file_id in found),
    );
    expect([status, await Promise.all(manifests)]).toEqual([201, [true, true]]);
    expect(file.replication).toEqual({
      mode: 'sync',
      wait: 2,
      stores: [
        { name: 'replica1', state: 'stored' },
        { name: 'replica2', state: 'stored' },
      ],
    });
  });

  it('whose replica is away is answered 202 at the time-out, says what is owed, and is copied when it is back', async () => {
    const replica = replicaOf(server, 'replica2');
    await rename(replica, `${replica}.away`);
    const { status, file } = await syncUpload(server, 'late', bytesOf('late', LARGE));
    expect([status, file.replication.stores[0]!.state]).toEqual([202, 'stored']);
    expect(file.replication.stores[1]!.state).not.toBe('stored');
    expect((await ask(`${server.url}/read/${file.file_id}`)).status).toBe(200);
    // One replica is enough where one was asked for.
    expect((await syncUpload(server, 'one', bytesOf('one', 10), '&wait=1')).status).toBe(201);
    await eventually(async () => (await stateOf(server, 'replica2')) !== 'online', true);
    await rename(`${replica}.away`, replica);
    await sync(server);
    await nothingOwed(server);
    expect(await contentOf(replica)).toEqual(await contentOf(server.installation.primary));
    expect(await stateOf(server, 'replica2')).toBe('online');
  });
});

describe('a read that the primary cannot serve', () => {
  const server = useServer();

  async function stored(
    name: string,
    sizeBytes = LARGE,
  ): Promise<{ file: StoredFile; content: Buffer; chunks: string[] }> {
    const content = bytesOf(name, sizeBytes);
    const before = new Set(await filesIn(join(server.installation.primary, 'chunks')));
    const file = await store(server.url, { name, content });
    await nothingOwed(server);
    const chunks = await filesIn(join(server.installation.primary, 'chunks'));
    return { file, content, chunks: chunks.filter((path) => !before.has(path)) };
  }

  const chunkPath = (chunk: string): string => join(server.installation.primary, 'chunks', chunk);

  it.each<[string, (path: string) => Promise<void>]>([
    ['a chunk that is gone', (path) => unlink(path)],
    ['a chunk with other bytes', (path) => writeFile(path, bytesOf('rot', CHUNK_SIZE))],
    ['a chunk that is too short', (path) => writeFile(path, 'short')],
  ])('because of %s is served by a replica, unseen, and the primary is repaired', async (what, harm) => {
    const { file, content, chunks } = await stored(what);
    await harm(chunkPath(chunks[1]!));
    const answer = await ask(`${server.url}/download/${file.file_id}`);
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true]);
    await eventually(
      async () => (await contentOf(server.installation.primary)).chunks,
      (await contentOf(replicaOf(server, 'replica1'))).chunks,
    );
  });

  it('because its manifest is gone is served by a replica, and the manifest is back', async () => {
    const { file, content } = await stored('without manifest');
    await unlink(recordPath(server.installation.primary, 'manifests', file.file_id));
    const answer = await ask(`${server.url}/download/${file.file_id}`);
    expect([answer.status, answer.body.equals(content)]).toEqual([200, true]);
    await eventually(async () => file.file_id in (await contentOf(server.installation.primary)).manifests, true);
  });

  it('and no replica either says what is wrong', async () => {
    const { file, chunks } = await stored('everywhere', CHUNK_SIZE);
    for (const root of [server.installation.primary, replicaOf(server, 'replica1'), replicaOf(server, 'replica2')])
      await unlink(join(root, 'chunks', chunks[0]!));
    const answer = await ask(`${server.url}/download/${file.file_id}`);
    expect([answer.status, answer.json<{ code: string }>().code]).toEqual([500, 'chunk_missing']);
  });
});

describe('the replicas of the settings', () => {
  it('that are new are filled, and what is taken out is remembered and left alone when it comes back', async () => {
    const server = await startServer({ REPLICAS: '' });
    for (let count = 0; count < 20; count += 1) await store(server.url, { name: `${count}`, content: `${count}` });
    await store(server.url, { name: 'large', content: bytesOf('large', LARGE) });
    const gone = await store(server.url, { name: 'gone', content: 'gone' });
    await ask(`${server.url}/files/${gone.file_id}`, { method: 'DELETE' });
    const path = replicaOf(server, 'late');
    const withReplica = async (replicas: string): Promise<void> => {
      (server.installation.environment as Record<string, string>)['REPLICAS'] = replicas;
      await server.restart();
    };
    await withReplica(path);
    await nothingOwed(server);
    const primary = await contentOf(server.installation.primary);
    const replica = await contentOf(path);
    expect([replica.manifests, replica.chunks]).toEqual([primary.manifests, primary.chunks]);
    await withReplica('');
    // What was known of it is forgotten, a page at a time.
    await eventually(() => statusOf(server), []);
    const missed = await store(server.url, { name: 'missed', content: 'missed' });
    await withReplica(path);
    await eventually(() => stateOf(server, 'late'), 'foreign');
    expect(Object.keys((await contentOf(path)).manifests)).not.toContain(missed.file_id);
    // Emptied it is a new store, and filled.
    await server.process.stop('SIGTERM');
    await rm(path, { recursive: true });
    await server.start();
    await nothingOwed(server);
    expect((await contentOf(path)).manifests).toEqual((await contentOf(server.installation.primary)).manifests);
  });

  it('know what a sync names', async () => {
    const server = await startServer();
    await putRaw(server.url, { name: 'x', content: 'x' });
    expect(await sync(server, '?store=replica1')).toMatchObject({ state: 'done', result: { failed: 0 } });
    const unknown = await ask(`${server.url}/admin/replicas/sync?store=nowhere`, { method: 'POST' });
    expect([unknown.status, unknown.json<{ code: string }>().code]).toEqual([404, 'replica_not_found']);
    const operation = await ask(`${server.url}/admin/operations/nothing`);
    expect([operation.status, operation.json<{ code: string }>().code]).toEqual([404, 'operation_not_found']);
  });
});
