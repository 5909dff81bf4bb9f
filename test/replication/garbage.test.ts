/** The chunks of deleted files on replicas, collected by a real server. */
import { rename } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { LARGE, remove, replicaOf } from './copies.js';
import { nothingOwed, sync } from './replica-client.js';
import { contentOf } from './stores.js';
import { eventually } from './wait-until.js';

const CONTENT = testBytes(LARGE, 7);
const upload = ({ url }: TestServer): Promise<StoredFile> => store(url, { name: 'again', content: CONTENT });

const chunkCounts = (server: TestServer): Promise<number[]> =>
  Promise.all(
    [server.installation.primary, replicaOf(server, 'replica1'), replicaOf(server, 'replica2')].map(async (root) => {
      const { chunks } = await contentOf(root);
      for (const [id, digest] of Object.entries(chunks)) expect(digest).toBe(id);
      return Object.keys(chunks).length;
    }),
  );

async function expectServed(server: TestServer, { file_id: fileId }: StoredFile): Promise<void> {
  const answer = await ask(`${server.url}/download/${fileId}`);
  expect([answer.status, answer.body.equals(CONTENT)]).toEqual([200, true]);
}

it('goes from every replica with a deleted file, and what is uploaded again at once is on all of them in the end', async () => {
  const server = await startServer({ GC_GRACE: '0s' });
  let file = await upload(server);
  await nothingOwed(server);
  for (let round = 0; round < 20; round += 1) {
    await remove(server, file);
    file = await upload(server);
  }
  await nothingOwed(server);
  // Until every row of garbage has been looked at again.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await chunkCounts(server)).toEqual([4, 4, 4]);
  await expectServed(server, file);
  await remove(server, file);
  await eventually(() => chunkCounts(server), [0, 0, 0]);
});

it('that a replica missed is put there again by an upload of the same bytes, and is not taken away behind it', async () => {
  const server = await startServer({ GC_GRACE: '0s' });
  const path = replicaOf(server, 'replica2');
  const first = await upload(server);
  await nothingOwed(server);
  await rename(path, `${path}.away`);
  await remove(server, first);
  await eventually(async () => Object.keys((await contentOf(server.installation.primary)).chunks), []);
  const second = await upload(server);
  await server.restart('SIGKILL');
  await rename(`${path}.away`, path);
  await sync(server);
  await nothingOwed(server);
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await chunkCounts(server)).toEqual([4, 4, 4]);
  await expectServed(server, second);

  // Away at the delete and at the collection: the chunks go from there when it is back.
  await rename(path, `${path}.away`);
  await remove(server, second);
  await eventually(async () => Object.keys((await contentOf(server.installation.primary)).chunks), []);
  await rename(`${path}.away`, path);
  await sync(server);
  await eventually(() => chunkCounts(server), [0, 0, 0]);
});
