/** Replicas and primaries that lost or changed what they hold, and what a repair makes of it. On the built server. */
import { readdir, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LARGE, replicaOf, storeLarge } from '../replication/copies.js';
import { nothingOwed } from '../replication/replica-client.js';
import { contentOf, recordPath } from '../replication/stores.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { everythingIn } from '../replication/copies.js';
import { repair } from './repair-client.js';

const LARGE_FILES = 6;

const chunkPath = (root: string, chunkId: string): string => join(root, 'chunks', chunkId.slice(0, 2), chunkId);

async function servedInstallation(): Promise<{ server: TestServer; files: StoredFile[] }> {
  const server = await startServer();
  const files: StoredFile[] = [];
  for (let seed = 1; seed <= LARGE_FILES; seed += 1) files.push(await storeLarge(server, seed));
  const small = await store(server.url, { name: 'small', content: 'small' });
  const gone = await store(server.url, { name: 'gone', content: 'gone' });
  await ask(`${server.url}/files/${gone.file_id}`, { method: 'DELETE' });
  await nothingOwed(server);
  return { server, files: [...files, small] };
}

async function expectServed(server: TestServer, files: readonly StoredFile[]): Promise<void> {
  for (const [index, { file_id }] of files.slice(0, LARGE_FILES).entries()) {
    const { status, body } = await ask(`${server.url}/download/${file_id}`);
    expect([status, body.equals(testBytes(LARGE, index + 1))]).toEqual([200, true]);
  }
}

async function chunksOf(root: string): Promise<string[]> {
  return Object.keys((await contentOf(root)).chunks);
}

async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 0xff;
  await writeFile(path, bytes);
}

describe('a repair', () => {
  it('of a healthy installation, right behind a delete, finds nothing and says that all stores are equal', async () => {
    const { server, files } = await servedInstallation();
    await ask(`${server.url}/files/${files[0]!.file_id}`, { method: 'DELETE' });
    await nothingOwed(server);
    const result = await repair(server, '?deep=true');
    expect(result).toMatchObject({
      whole: true,
      equal: true,
      findings: [],
      differences: [],
      could_not: [],
      failures: [],
    });
    expect(result.censuses).toHaveLength(3);
    expect(new Set(result.censuses.map(({ digest }) => digest)).size).toBe(1);
    expect(result.censuses[1]).toMatchObject({ manifests: LARGE_FILES, tombstones: 2, chunks: (LARGE_FILES - 1) * 4 });
  });

  it('finds a chunk, a manifest and a tombstone that a replica has lost, and puts them again', async () => {
    const { server, files } = await servedInstallation();
    const root = replicaOf(server, 'replica1');
    const [chunkId] = await chunksOf(root);
    await unlink(chunkPath(root, chunkId!));
    await unlink(recordPath(root, 'manifests', files.at(-1)!.file_id));
    const [tombstone] = Object.keys((await contentOf(root)).tombstones);
    await unlink(recordPath(root, 'tombstones', tombstone!));
    const result = await repair(server);
    expect(result).toMatchObject({ whole: true, equal: true, found: { missing: 3 } });
    expect(result.findings.map(({ store: name, kind, id }) => `${name} ${kind} ${id}`).toSorted()).toEqual([
      `replica1 chunk ${chunkId}`,
      `replica1 manifest ${files.at(-1)!.file_id}`,
      `replica1 tombstone ${tombstone}`,
    ]);
    expect(await contentOf(root)).toEqual(await contentOf(server.installation.primary));
  });

  it('finds what the primary has lost, and puts it again from a replica', async () => {
    const { server, files } = await servedInstallation();
    const { primary } = server.installation;
    const whole = await contentOf(primary);
    await unlink(chunkPath(primary, Object.keys(whole.chunks)[0]!));
    await unlink(recordPath(primary, 'manifests', files[0]!.file_id));
    await unlink(recordPath(primary, 'tombstones', Object.keys(whole.tombstones)[0]!));
    expect(await repair(server)).toMatchObject({ whole: true, equal: true, found: { missing: 3 } });
    expect(await contentOf(primary)).toEqual(whole);
    await expectServed(server, files);
  });

  it('that only looks changes nothing, and says what is wrong', async () => {
    const { server } = await servedInstallation();
    const root = replicaOf(server, 'replica1');
    const [chunkId] = await chunksOf(root);
    await unlink(chunkPath(root, chunkId!));
    const before = await everythingIn(root);
    const result = await repair(server, '?dry_run=true');
    expect(result).toMatchObject({ whole: false, equal: false, mended: 0, rounds: 1 });
    expect(result.differences).toEqual([
      expect.objectContaining({ store: 'replica1', kind: 'chunk', id: chunkId, difference: 'missing' }),
    ]);
    expect(await everythingIn(root)).toEqual(before);
    await nothingOwed(server);
  });

  it('in depth mends a replica without any chunk and a primary with flipped ones, while files are read', async () => {
    const { server, files } = await servedInstallation();
    const { primary } = server.installation;
    const whole = await contentOf(primary);
    // The directories too.
    await rm(join(replicaOf(server, 'replica1'), 'chunks'), { recursive: true });
    const flipped = Object.keys(whole.chunks).slice(0, 10);
    for (const chunkId of flipped) await flip(chunkPath(primary, chunkId));
    const repaired = repair(server, '?deep=true');
    let isDone = false;
    void repaired.finally(() => (isDone = true));
    for (let reads = 0; reads === 0 || !isDone; reads += 1) await expectServed(server, files);
    expect(await repaired).toMatchObject({ whole: true, equal: true, could_not: [], differences: [] });
    for (const root of [primary, replicaOf(server, 'replica1'), replicaOf(server, 'replica2')])
      expect(await contentOf(root)).toEqual(whole);
    expect(await readdir(join(primary, 'corrupt'))).toHaveLength(10);
  });

  it('names a file whose chunk is bad in every store, and mends the others', async () => {
    const { server, files } = await servedInstallation();
    const { primary } = server.installation;
    const { chunks } = await contentOf(primary);
    const roots = [primary, replicaOf(server, 'replica1'), replicaOf(server, 'replica2')];
    const [lost, mended] = Object.keys(chunks);
    for (const root of roots) await unlink(chunkPath(root, lost!));
    await unlink(chunkPath(primary, mended!));
    const result = await repair(server);
    expect(result).toMatchObject({ whole: false });
    const named = [...result.findings.map(({ reason }) => reason), ...result.could_not.map((left) => left.file_id)];
    expect(files.filter(({ file_id: fileId }) => named.some((text) => text.includes(fileId)))).not.toEqual([]);
    expect(await chunksOf(primary)).toContain(mended);
  });
});
