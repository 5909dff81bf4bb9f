/** Files that are written to a server, and what its stores must hold of them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { statusOf } from './replica-client.js';
import { contentOf, filesIn } from './stores.js';

/** Of several chunks. */
export const LARGE = 3 * CHUNK_SIZE + 100;

export const replicaOf = ({ installation }: TestServer, name: string): string => join(installation.directory, name);

export async function errorOf(server: TestServer, name: string): Promise<string | undefined> {
  return (await statusOf(server)).find((replica) => replica.name === name)?.last_error?.code;
}

/** Files owed to the replica. */
export async function lagOf(server: TestServer, name: string): Promise<number | undefined> {
  return (await statusOf(server)).find((replica) => replica.name === name)?.lag.files;
}

export const storeLarge = ({ url }: TestServer, seed: number): Promise<StoredFile> =>
  store(url, { name: `large ${seed}`, content: testBytes(LARGE, seed) });

export async function remove({ url }: TestServer, { file_id: fileId }: StoredFile): Promise<void> {
  expect((await ask(`${url}/files/${fileId}`, { method: 'DELETE' })).status).toBe(204);
}

/** A large file and some small ones, one of them deleted again. */
export async function writeSome(server: TestServer, seed: number): Promise<void> {
  await storeLarge(server, 100 + seed);
  for (let serial = 0; serial < 3; serial += 1) {
    const file = await store(server.url, {
      name: `small ${serial}`,
      content: testBytes(300, 1_000 * seed + serial + 1),
    });
    if (serial === 2) await remove(server, file);
  }
}

export async function expectCopies(server: TestServer, ...names: readonly string[]): Promise<void> {
  const primary = await contentOf(server.installation.primary);
  for (const name of names) expect([name, await contentOf(replicaOf(server, name))]).toEqual([name, primary]);
}

/** Every byte below a directory. */
export async function everythingIn(root: string): Promise<Record<string, string>> {
  const paths = (await filesIn(root)).sort();
  const bytes = await Promise.all(paths.map((path) => readFile(join(root, path))));
  return Object.fromEntries(paths.map((path, index) => [path, bytes[index]!.toString('base64')]));
}
