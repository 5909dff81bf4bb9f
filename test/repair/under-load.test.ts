/** A repair in depth while files are uploaded and deleted all the time. On the built server. */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { LARGE, replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf } from '../replication/stores.js';
import { store } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { beginRepair, endOfRepair, repair } from './repair-client.js';

const FILES = 8;
const CLIENTS = 2;
/** Between two uploads of a client: a repair gives way to requests, and would take the longer. */
const PAUSE_MS = 200;
const STORES = ['primary', 'replica1', 'replica2'];

/** Clients that upload files of both kinds, and delete every second one, until they are told to stop. */
class Load {
  readonly kept = new Map<string, Buffer>();
  readonly deleted = new Set<string>();
  /** Of files and of chunks. */
  readonly ids = new Set<string>();
  readonly #server: TestServer;
  readonly #clients: readonly Promise<void>[];
  #isOver = false;

  constructor(server: TestServer) {
    this.#server = server;
    this.#clients = Array.from({ length: CLIENTS }, (_, client) => this.#client(client));
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#clients);
  }

  async #client(client: number): Promise<void> {
    for (let serial = 0; !this.#isOver; serial += 1) {
      const content = testBytes(serial % 2 === 0 ? LARGE : 900, 10_000 * (client + 1) + serial);
      for (let at = 0; at < content.length; at += CHUNK_SIZE)
        this.ids.add(sha256(content.subarray(at, at + CHUNK_SIZE)));
      const { file_id: fileId } = await store(this.#server.url, { name: `load ${client} ${serial}`, content });
      this.ids.add(fileId);
      this.kept.set(fileId, content);
      // Of both kinds, and some of them right behind their upload.
      if (serial % 4 < 2) await this.#delete(fileId);
      await delay(PAUSE_MS);
    }
  }

  async #delete(fileId: string): Promise<void> {
    this.kept.delete(fileId);
    const { status } = await ask(`${this.#server.url}/files/${fileId}`, { method: 'DELETE' });
    if (status !== 204) throw new Error(`a delete was answered ${status}`);
    this.deleted.add(fileId);
  }
}

async function damage({ installation }: TestServer, chunkIds: readonly string[]): Promise<void> {
  await rm(join(installation.directory, 'replica1', 'chunks'), { recursive: true });
  for (const chunkId of chunkIds) {
    const path = join(installation.primary, 'chunks', chunkId.slice(0, 2), chunkId);
    const bytes = await readFile(path);
    bytes[0]! ^= 0xff;
    await writeFile(path, bytes);
  }
}

it('a repair under load mends what was damaged, judges nothing that is in motion, and brings nothing back', async () => {
  const server = await startServer();
  const files = [];
  for (let seed = 1; seed <= FILES; seed += 1) files.push(await storeLarge(server, seed));
  await nothingOwed(server);
  const chunkIds = Object.keys((await contentOf(server.installation.primary)).chunks);
  await damage(server, chunkIds.slice(0, 10));
  const load = new Load(server);
  const result = await endOfRepair(server, await beginRepair(server, '?deep=true')).catch((error: Error) => error);
  await load.stop();
  if (result instanceof Error) throw result;
  expect([load.kept.size, load.deleted.size].every((count) => count > 0)).toBe(true);

  // Ten were flipped; what the replica lost are all chunks, and what came to it meanwhile found no directory.
  const judged = [...result.findings, ...(result.differences as typeof result.findings)];
  const ofLoad = judged.filter(({ id, reason }) => [...load.ids].some((each) => id === each || reason.includes(each)));
  expect([ofLoad, result.could_not]).toEqual([[], []]);
  expect(result).toMatchObject({ equal: true, whole: true });

  await nothingOwed(server);
  for (const [index, { file_id: fileId }] of files.entries()) load.kept.set(fileId, testBytes(LARGE, index + 1));
  for (const [fileId, content] of load.kept) {
    const { status, body } = await ask(`${server.url}/download/${fileId}`);
    expect([status, body.equals(content)]).toEqual([200, true]);
  }
  for (const fileId of load.deleted) expect((await ask(`${server.url}/download/${fileId}`)).status).toBe(404);
  expect(await repair(server, '?deep=true')).toMatchObject({ whole: true, findings: [] });
  for (const name of STORES) {
    const { manifests, tombstones, chunks } = await contentOf(replicaOf(server, name));
    expect([name, Object.keys(manifests).toSorted()]).toEqual([name, [...load.kept.keys()].toSorted()]);
    expect(Object.keys(tombstones).toSorted()).toEqual([...load.deleted].toSorted());
    expect(Object.entries(chunks).filter(([chunkId, digest]) => chunkId !== digest)).toEqual([]);
  }
});
