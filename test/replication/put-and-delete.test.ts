/** Files that come and go while a replica is away: they stay gone, whatever happens next. */
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import { copyDirectory } from '../server/installation.js';
import { lagOf, remove, replicaOf, storeLarge } from './copies.js';
import { nothingOwed, sync } from './replica-client.js';
import { contentOf } from './stores.js';
import { eventually } from './wait-until.js';

async function expectGone(server: TestServer, files: readonly StoredFile[]): Promise<void> {
  const { primary } = server.installation;
  for (const { file_id: fileId } of files) {
    expect((await ask(`${server.url}/files/${fileId}`)).status).toBe(404);
    for (const root of [primary, replicaOf(server, 'replica1'), replicaOf(server, 'replica2')]) {
      const { manifests, tombstones } = await contentOf(root);
      expect([root, fileId in manifests, fileId in tombstones]).toEqual([root, false, true]);
    }
  }
}

async function startWithoutCatalog(server: TestServer): Promise<void> {
  await server.process.stop('SIGTERM');
  const { directory } = server.installation;
  for (const name of await readdir(directory)) if (name.startsWith('catalog.db')) await rm(join(directory, name));
  await server.start();
}

describe('a file that was put and deleted in quick succession while a replica was away', () => {
  it('is gone everywhere once it is back, and no sync, restart or rebuild brings it back', async () => {
    const server = await startServer();
    const away = replicaOf(server, 'replica2');
    const copied = await storeLarge(server, 1);
    await nothingOwed(server);
    await rename(away, `${away}.away`);
    const files = [copied];
    for (let seed = 2; seed < 6; seed += 1) {
      files.push(await storeLarge(server, seed));
      // Some are on their way to the other replica by then, some are there, some wait.
      if (seed % 2 === 0) await eventually(() => lagOf(server, 'replica1'), 0);
      await remove(server, files.at(-1)!);
    }
    await remove(server, copied);
    const kept = await storeLarge(server, 6);
    await server.restart('SIGKILL');
    await rename(`${away}.away`, away);
    await sync(server);
    await nothingOwed(server);
    await expectGone(server, files);

    await sync(server);
    await server.restart();
    await nothingOwed(server);
    await startWithoutCatalog(server);
    await nothingOwed(server);
    await expectGone(server, files);
    expect((await ask(`${server.url}/download/${kept.file_id}`)).status).toBe(200);
    expect(Object.keys((await contentOf(away)).manifests)).toEqual([kept.file_id]);
  });

  it('does not come back with a replica that was put back from a copy made before the delete', async () => {
    const server = await startServer();
    const path = replicaOf(server, 'replica2');
    const file = await storeLarge(server, 1);
    await nothingOwed(server);
    copyDirectory({ from: path, to: `${path}.backup` });
    await remove(server, file);
    await nothingOwed(server);
    await rm(path, { recursive: true });
    await rename(`${path}.backup`, path);
    await sync(server);
    expect((await ask(`${server.url}/files/${file.file_id}`)).status).toBe(404);
    // What nobody has noticed is noticed by a rebuild, which owes every replica every tombstone.
    await startWithoutCatalog(server);
    await nothingOwed(server);
    await expectGone(server, [file]);
  });
});
