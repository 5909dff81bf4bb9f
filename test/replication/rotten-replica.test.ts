/** Wrong bytes under the right names of a replica: what a copy, a verification and a repair make of them. */
import { readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { startServer, useServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import type { StoredFile } from '../server/file-client.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { expectCopies, lagOf, LARGE, replicaOf, storeLarge } from './copies.js';
import { nothingOwed, sync } from './replica-client.js';
import { contentOf, recordPath } from './stores.js';
import { eventually } from './wait-until.js';

const chunkPath = (root: string, chunkId: string): string => join(root, 'chunks', chunkId.slice(0, 2), chunkId);
const ROT = testBytes(CHUNK_SIZE, 99);

async function startWithoutCatalog(server: TestServer): Promise<void> {
  await server.process.stop('SIGTERM');
  const { directory } = server.installation;
  for (const name of await readdir(directory)) if (name.startsWith('catalog.db')) await rm(join(directory, name));
  await server.start();
}

async function expectServed(server: TestServer, { file_id: fileId }: StoredFile, seed: number): Promise<void> {
  const answer = await ask(`${server.url}/download/${fileId}`);
  expect([answer.status, answer.body.equals(testBytes(LARGE, seed))]).toEqual([200, true]);
}

describe('a replica that has wrong bytes before the copy comes', () => {
  const server = useServer();
  let path: string;
  let file: StoredFile;
  let chunkIds: string[];

  beforeAll(async () => {
    path = replicaOf(server, 'replica2');
    await rename(path, `${path}.away`);
    file = await storeLarge(server, 1);
    await eventually(() => lagOf(server, 'replica1'), 0);
    chunkIds = Object.keys((await contentOf(server.installation.primary)).chunks);
    const whole = await Promise.all(
      chunkIds.map(async (id) => ({ id, bytes: await readFile(chunkPath(server.installation.primary, id)) })),
    );
    const full = whole.filter(({ bytes }) => bytes.length === CHUNK_SIZE).map(({ id }) => id);
    chunkIds = [...full, ...chunkIds.filter((id) => !full.includes(id))];
    // One cut, one of the right length, and a manifest of nothing.
    await writeFile(chunkPath(`${path}.away`, chunkIds[0]!), 'cut');
    await writeFile(chunkPath(`${path}.away`, chunkIds[1]!), ROT);
    await writeFile(recordPath(`${path}.away`, 'manifests', file.file_id), 'no manifest');
    await rename(`${path}.away`, path);
    await sync(server);
    await nothingOwed(server);
  });

  it('has a manifest and a chunk of another length replaced, and what stood there kept for people', async () => {
    expect(await readFile(recordPath(path, 'manifests', file.file_id))).toEqual(
      await readFile(recordPath(server.installation.primary, 'manifests', file.file_id)),
    );
    expect((await contentOf(path)).chunks[chunkIds[0]!]).toBe(chunkIds[0]);
    const aside = await readdir(join(path, 'corrupt'));
    expect(aside.map((name) => name.slice(0, 10)).sort()).toEqual([
      `chunk-${chunkIds[0]!.slice(0, 4)}`,
      `manifest-${file.file_id.slice(0, 1)}`,
    ]);
  });

  it('keeps a chunk of the right length, which copies and verifications do not read, and nothing serves it', async () => {
    expect(await readFile(chunkPath(path, chunkIds[1]!))).toEqual(ROT);
    await startWithoutCatalog(server);
    await nothingOwed(server);
    expect(await readFile(chunkPath(path, chunkIds[1]!))).toEqual(ROT);
    for (const root of [server.installation.primary, replicaOf(server, 'replica1')])
      await unlink(chunkPath(root, chunkIds[1]!));
    // Refused, or cut where the chunk should come.
    const isServed = await ask(`${server.url}/download/${file.file_id}`).then(
      ({ status }) => status === 200,
      () => false,
    );
    expect(isServed).toBe(false);
  });
});

it('a repair takes nothing rotten from a replica, and finds the one that has it whole', async () => {
  const server = await startServer();
  const { primary } = server.installation;
  const file = await storeLarge(server, 3);
  await nothingOwed(server);
  const chunkId = Object.entries((await contentOf(primary)).chunks).map(([id]) => id)[0]!;
  const whole = await readFile(chunkPath(primary, chunkId));
  // On the primary other bytes, on the first replica too: whoever is asked, only the second one can help.
  for (const root of [primary, replicaOf(server, 'replica1')])
    await writeFile(chunkPath(root, chunkId), testBytes(whole.length, 98));
  await expectServed(server, file, 3);
  // For a moment there is none: the rotten one is out of the way before the whole one comes.
  await eventually(() => readFile(chunkPath(primary, chunkId)).catch(() => undefined), whole);
  await expectServed(server, file, 3);
  await expectCopies(server, 'replica2');
});
