/** Bytes flipped in every kind of object, on each store and on all of them, and what a repair in depth makes of it. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { everythingIn, LARGE, remove, replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf, recordPath } from '../replication/stores.js';
import type { StoreContent } from '../replication/stores.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import type { Environment } from '../server/installation.js';
import { runRepairProgram } from './repair-program.js';

const STORES = ['primary', 'replica1', 'replica2'];

interface Flippable {
  readonly server: TestServer;
  readonly environment: Environment;
  readonly large: readonly StoredFile[];
  readonly small: StoredFile;
  readonly gone: StoredFile;
  /** What each store must hold. */
  readonly whole: StoreContent;
}

async function served(): Promise<Flippable> {
  const server = await startServer();
  const large = [await storeLarge(server, 1), await storeLarge(server, 2)];
  const small = await store(server.url, { name: 'small', content: 'small' });
  const gone = await store(server.url, { name: 'gone', content: 'gone' });
  await remove(server, gone);
  await nothingOwed(server);
  const environment = { ...server.installation.environment, HOLDFAST_URL: server.url };
  return { server, environment, large, small, gone, whole: await contentOf(server.installation.primary) };
}

const chunkPath = (root: string, chunkId: string): string => join(root, 'chunks', chunkId.slice(0, 2), chunkId);
/** Of a large file, by its number. */
const chunkOf = (seed: number, index: number): string =>
  sha256(testBytes(LARGE, seed).subarray(index * CHUNK_SIZE, (index + 1) * CHUNK_SIZE));

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 0xff;
  await writeFile(path, bytes);
}

async function expectServed({ server, small }: Flippable, file: StoredFile, seed: number): Promise<void> {
  const { status, body } = await ask(`${server.url}/download/${file.file_id}`);
  expect([status, body.equals(testBytes(LARGE, seed))]).toEqual([200, true]);
  expect((await ask(`${server.url}/download/${small.file_id}`)).body.toString()).toBe('small');
}

describe('repair --deep of flipped bytes', () => {
  it('in a chunk, a manifest and a tombstone of any one store mends all three', async () => {
    const served_ = await served();
    const { server, environment, large, small, gone, whole } = served_;
    for (const name of STORES) {
      const root = replicaOf(server, name);
      await flip(chunkPath(root, chunkOf(1, 0)));
      await flip(recordPath(root, 'manifests', small.file_id));
      await flip(recordPath(root, 'tombstones', gone.file_id));
      const { code, stdout } = await runRepairProgram(environment, '--deep');
      expect(stdout).toMatch(/^found: 3 corrupt \(everything was read\)$/m);
      expect(stdout).toMatch(/^done: 3 objects mended/m);
      expect([code, stdout]).toEqual([0, expect.stringMatching(/all stores are equal\n$/)]);
      for (const each of STORES) expect(await contentOf(replicaOf(server, each))).toEqual(whole);
      const aside = await readdir(join(root, 'corrupt'));
      expect(aside.map((path) => path.split('-')[0]!).sort()).toEqual(['chunk', 'manifest', 'tombstone']);
      await expectServed(served_, large[0]!, 1);
      expect((await ask(`${server.url}/download/${gone.file_id}`)).status).toBe(404);
    }
  });

  it('in all copies of one chunk names the file as damaged, mends the others and touches nothing else', async () => {
    const served_ = await served();
    const { server, environment, large, whole } = served_;
    for (const name of STORES) await flip(chunkPath(replicaOf(server, name), chunkOf(1, 1)));
    await flip(chunkPath(replicaOf(server, 'replica1'), chunkOf(2, 0)));
    const flipped = await contentOf(server.installation.primary);
    const { code, stdout } = await runRepairProgram(environment, '--deep');
    expect(code).toBe(4);
    expect(stdout).toMatch(/^found: 4 corrupt \(everything was read\)$/m);
    expect(stdout).toMatch(/^done: 1 objects mended/m);
    expect(stdout).toContain(`  damaged: ${large[0]!.file_id} "large 1": no store that can be asked has its chunk`);
    expect(stdout).not.toContain(`damaged: ${large[1]!.file_id}`);
    expect(stdout).toMatch(/the stores are equal, but something is left that could not be mended\n$/);
    for (const name of STORES) {
      const content = await contentOf(replicaOf(server, name));
      expect(content).toEqual({ ...whole, chunks: { ...whole.chunks, [chunkOf(1, 1)]: expect.any(String) as string } });
      expect(content.chunks).toEqual(flipped.chunks);
    }
    await expectServed(served_, large[1]!, 2);
    // It says the same of the same damage, however often it is asked.
    const again = await runRepairProgram(environment, '--deep');
    expect([again.code, /^found: 3 corrupt/m.test(again.stdout)]).toEqual([4, true]);
    expect(again.stdout).toMatch(/^done: 0 objects mended/m);
  });

  it('in all copies of a manifest names the file, of a tombstone keeps the file deleted', async () => {
    const served_ = await served();
    const { server, environment, large, small, gone } = served_;
    for (const name of STORES) {
      const root = replicaOf(server, name);
      await flip(recordPath(root, 'manifests', large[0]!.file_id));
      await flip(recordPath(root, 'tombstones', gone.file_id));
    }
    const { code, stdout } = await runRepairProgram(environment, '--deep');
    expect(code).toBe(4);
    expect(stdout).toContain(
      `damaged: ${large[0]!.file_id} "large 1": no store that can be asked has its manifest whole`,
    );
    expect(stdout).toContain(`primary: left as it is: tombstone ${gone.file_id}`);
    expect(stdout).toMatch(/^done: 0 objects mended/m);
    await server.restart();
    expect((await ask(`${server.url}/download/${gone.file_id}`)).status).toBe(404);
    expect((await ask(`${server.url}/download/${small.file_id}`)).status).toBe(200);
    await expectServed(served_, large[1]!, 2);
  });
});

describe('repair --deep --dry-run', () => {
  it('reads: flipped bytes are found, also where all stores have the same ones, and nothing is changed', async () => {
    const { server, environment } = await served();
    const stores = (): Promise<unknown> => Promise.all(STORES.map((name) => everythingIn(replicaOf(server, name))));
    const expectFound = async (count: number): Promise<string> => {
      const before = await stores();
      const { code, stdout } = await runRepairProgram(environment, '--deep', '--dry-run');
      expect([code, stdout]).toEqual([4, expect.stringContaining(`found: ${count} corrupt (everything was read)`)]);
      expect(stdout).not.toContain('all stores are equal');
      expect(await stores()).toEqual(before);
      await nothingOwed(server);
      const { primary, damaged } = (await ask(`${server.url}/admin/replicas/status`)).json<{
        primary: { lag: { files: number } };
        damaged: unknown[];
      }>();
      expect([primary.lag.files, damaged]).toEqual([0, []]);
      return stdout;
    };
    await flip(chunkPath(replicaOf(server, 'replica1'), chunkOf(1, 0)));
    expect(await expectFound(1)).toMatch(/^ {2}replica1: corrupt: chunk /m);
    for (const name of ['primary', 'replica2']) await flip(chunkPath(replicaOf(server, name), chunkOf(1, 0)));
    expect(await expectFound(3)).toMatch(
      /primary: left as it is: chunk .* No store that can be asked has it whole\.$/m,
    );
  });
});
