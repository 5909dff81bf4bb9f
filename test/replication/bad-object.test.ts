/** One object, or one directory, that cannot be read or written: it costs its own file, and no other. */
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { testBytes } from '../server/http-client.js';
import { errorOf, expectCopies, lagOf, replicaOf } from './copies.js';
import { nothingOwed, sync } from './replica-client.js';
import { contentOf, recordPath } from './stores.js';
import { eventually } from './wait-until.js';

const COUNT = 40;

async function storeMany(server: TestServer): Promise<StoredFile[]> {
  const files: StoredFile[] = [];
  for (let serial = 0; serial < COUNT; serial += 1) {
    files.push(await store(server.url, { name: `file ${serial}`, content: testBytes(200, serial + 1) }));
  }
  return files;
}

/** How many manifests of files that are not in this one's shard the replica lacks. */
async function lackingBeside(server: TestServer, { file_id: fileId }: StoredFile, path: string): Promise<number> {
  const [primary, replica] = await Promise.all([contentOf(server.installation.primary), contentOf(path)]);
  const others = Object.keys(primary.manifests).filter((id) => !id.endsWith(fileId.slice(-2)));
  return others.filter((id) => replica.manifests[id] === undefined).length;
}

it('a directory of a replica that cannot be written to keeps the files of the others waiting for seconds only', async () => {
  const server = await startServer();
  const path = replicaOf(server, 'replica2');
  await rename(path, `${path}.away`);
  const files = await storeMany(server);
  const bad = files[COUNT / 2]!;
  const shard = dirname(recordPath(path, 'manifests', bad.file_id));
  const shardAway = dirname(recordPath(`${path}.away`, 'manifests', bad.file_id));
  await rm(shardAway, { recursive: true });
  await writeFile(shardAway, 'no directory');
  await rename(`${path}.away`, path);
  await sync(server);
  await eventually(() => lackingBeside(server, bad, path), 0);
  // What comes later goes there too.
  await store(server.url, { name: 'later', content: testBytes(200, 99) });
  await eventually(() => lackingBeside(server, bad, path), 0);
  await eventually(() => lagOf(server, 'replica1'), 0);
  expect(await lagOf(server, 'replica2')).toBeGreaterThan(0);

  await rm(shard);
  await mkdir(shard);
  await sync(server);
  await nothingOwed(server);
  await expectCopies(server, 'replica1', 'replica2');
});

it('a manifest of the primary that cannot be read keeps no other file from its copies', async () => {
  const server = await startServer();
  const paths = ['replica1', 'replica2'].map((name) => replicaOf(server, name));
  for (const path of paths) await rename(path, `${path}.away`);
  const files = await storeMany(server);
  const bad = files[COUNT / 2]!;
  const manifest = recordPath(server.installation.primary, 'manifests', bad.file_id);
  await rename(manifest, `${manifest}.own`);
  await mkdir(manifest);
  for (const path of paths) await rename(`${path}.away`, path);
  await sync(server);
  await eventually(() => lagOf(server, 'replica1'), 1);
  await eventually(() => lagOf(server, 'replica2'), 1);
  expect(await errorOf(server, 'replica1')).toBe('manifest_corrupt');

  await rm(manifest, { recursive: true });
  await rename(`${manifest}.own`, manifest);
  await sync(server);
  await nothingOwed(server);
  await expectCopies(server, ...paths.map((path) => path.slice(path.lastIndexOf('/') + 1)));
});
