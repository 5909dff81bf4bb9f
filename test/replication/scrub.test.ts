/** Bytes flipped on the primary and on a replica: a scrub finds them, and the installation is whole again by itself. */
import { chmod, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { expectCopies, LARGE, remove, replicaOf, storeLarge } from './copies.js';
import { nothingOwed } from './replica-client.js';
import { contentOf, recordPath } from './stores.js';
import type { StoreContent } from './stores.js';
import { eventually } from './wait-until.js';

interface ScrubStatus {
  readonly state: string;
  readonly pass_started_at: number | null;
  readonly objects: number;
  readonly bytes: number;
  readonly corrupt: number;
  readonly last_completed_at: number | null;
  readonly last_error: { readonly code: string } | null;
}

interface Status {
  readonly stores: readonly { readonly name: string; readonly scrub: ScrubStatus }[];
  readonly primary: {
    readonly name: string;
    readonly obligations: { readonly repair: number; readonly put: number };
    readonly scrub: ScrubStatus;
  };
  readonly damaged: readonly {
    readonly file_id: string;
    readonly file_name: string;
    readonly kind: string;
    readonly id: string;
    readonly stores: readonly string[];
  }[];
}

interface ScrubOperation {
  readonly kind: string;
  readonly state: string;
  readonly done: number;
  readonly total: number;
  readonly result: {
    readonly stores: readonly {
      readonly name: string;
      readonly objects: number;
      readonly corrupt: number;
      readonly findings: readonly { readonly kind: string; readonly id: string; readonly action: string }[];
      readonly error: { readonly code: string } | null;
    }[];
  };
}

const statusOf = async ({ url }: TestServer): Promise<Status> =>
  (await ask(`${url}/admin/replicas/status`)).json<Status>();

async function beginScrub({ url }: TestServer, query = ''): Promise<string> {
  const begun = await ask(`${url}/admin/scrub${query}`, { method: 'POST' });
  expect(begun.status).toBe(202);
  return begun.json<{ operation_id: string }>().operation_id;
}

async function endOf({ url }: TestServer, operationId: string): Promise<ScrubOperation> {
  let operation: ScrubOperation | undefined;
  await eventually(async () => {
    operation = (await ask(`${url}/admin/operations/${operationId}`)).json<ScrubOperation>();
    return operation.state !== 'running';
  }, true);
  return operation!;
}

const scrub = async (server: TestServer, query = ''): Promise<ScrubOperation> =>
  endOf(server, await beginScrub(server, query));

const chunkPath = (root: string, chunkId: string): string => join(root, 'chunks', chunkId.slice(0, 2), chunkId);

/** One bit, in the middle. */
async function flip(path: string): Promise<void> {
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
}

interface Life {
  readonly large: readonly StoredFile[];
  readonly small: readonly StoredFile[];
  readonly deleted: readonly StoredFile[];
  readonly content: StoreContent;
}

async function live(server: TestServer): Promise<Life> {
  const large = [await storeLarge(server, 1), await storeLarge(server, 2)];
  const names = ['a', 'b', 'c', 'd'];
  const files: StoredFile[] = [];
  for (const [index, name] of names.entries()) {
    files.push(await store(server.url, { name, content: testBytes(300, 10 + index) }));
  }
  const deleted = files.slice(2);
  for (const file of deleted) await remove(server, file);
  await nothingOwed(server);
  return { large, small: files.slice(0, 2), deleted, content: await contentOf(server.installation.primary) };
}

async function expectServed(server: TestServer, { large, small }: Life): Promise<void> {
  const expected = [
    ...large.map((file, index) => ({ file, bytes: testBytes(LARGE, 1 + index) })),
    ...small.map((file, index) => ({ file, bytes: testBytes(300, 10 + index) })),
  ];
  for (const { file, bytes } of expected) {
    const answer = await ask(`${server.url}/download/${file.file_id}`);
    expect([file.file_name, answer.status, answer.body.equals(bytes)]).toEqual([file.file_name, 200, true]);
  }
}

/** A chunk, a manifest and a tombstone of each, others on the one than on the other. */
async function rot(server: TestServer, { small, deleted, content }: Life): Promise<Record<string, string[]>> {
  const chunkIds = Object.keys(content.chunks);
  const rotten: Record<string, string[]> = {};
  for (const [index, name] of ['primary', 'replica1'].entries()) {
    const root = replicaOf(server, name);
    const [chunkId, manifestId, tombstoneId] = [chunkIds[index]!, small[index]!.file_id, deleted[index]!.file_id];
    await flip(chunkPath(root, chunkId));
    await flip(recordPath(root, 'manifests', manifestId));
    await flip(recordPath(root, 'tombstones', tombstoneId));
    rotten[name] = [`chunk-${chunkId}`, `manifest-${manifestId}`, `tombstone-${tombstoneId}`];
  }
  return rotten;
}

/** What was set aside, without what makes the names differ. */
async function asideIn(server: TestServer, name: string): Promise<string[]> {
  const names = await readdir(join(replicaOf(server, name), 'corrupt'));
  return names.map((file) => file.slice(0, -37)).toSorted();
}

async function expectWhole(server: TestServer, life: Life): Promise<void> {
  for (const name of ['primary', 'replica1', 'replica2']) {
    await eventually(() => contentOf(replicaOf(server, name)), life.content);
  }
  await expectCopies(server, 'replica1', 'replica2');
  await nothingOwed(server);
}

it('asked for, finds what is rotten on every store, and all is whole again, with the evidence kept', async () => {
  const server = await startServer();
  const life = await live(server);
  const rotten = await rot(server, life);
  const operation = await scrub(server);
  await expectServed(server, life);
  expect(operation).toMatchObject({ kind: 'scrub', state: 'done', done: 3, total: 3 });
  const found = operation.result.stores.map(({ name, findings }) => [
    name,
    findings.map(({ kind, id, action }) => `${kind}-${id} ${action}`).toSorted(),
  ]);
  const owed = (name: string): string[] => rotten[name]!.map((object) => `${object} owed`).toSorted();
  expect(found).toEqual([
    ['primary', owed('primary')],
    ['replica1', owed('replica1')],
    ['replica2', []],
  ]);
  await expectServed(server, life);
  await expectWhole(server, life);
  for (const name of ['primary', 'replica1']) expect([name, await asideIn(server, name)]).toEqual([name, rotten[name]]);
  expect(await asideIn(server, 'replica2')).toEqual([]);
  const { primary, stores, damaged } = await statusOf(server);
  expect([primary.scrub.corrupt, ...stores.map((replica) => replica.scrub.corrupt)]).toEqual([3, 3, 0]);
  expect([primary.scrub.state, damaged]).toEqual(['off', []]);
  // Nothing is left to be found.
  const again = await scrub(server);
  expect(again.result.stores.map(({ corrupt }) => corrupt)).toEqual([0, 0, 0]);
});

it('of its own accord, begins some time after the start, and says how far it has come', async () => {
  const server = await startServer();
  const life = await live(server);
  await server.process.stop('SIGTERM');
  const rotten = await rot(server, life);
  await server.start({ SCRUB_RATE: '1GiB/s' });
  await expectServed(server, life);
  await expectWhole(server, life);
  await expectServed(server, life);
  const scrubs = async (): Promise<ScrubStatus[]> => {
    const { primary, stores } = await statusOf(server);
    return [primary.scrub, ...stores.map((replica) => replica.scrub)];
  };
  const objects = Object.values(life.content).reduce((sum, ids) => sum + Object.keys(ids).length, 0);
  const completed = { state: 'waiting', objects, last_completed_at: expect.any(Number), last_error: null };
  await eventually(
    scrubs,
    [completed, completed, completed].map((each) => expect.objectContaining(each)),
  );
  // A read may have found and mended one of them before the scrub came.
  for (const name of ['primary', 'replica1']) {
    expect([name, await asideIn(server, name)]).toEqual([name, rotten[name]]);
  }
  const before = await scrubs();
  await server.process.stop('SIGKILL');
  await server.start({ SCRUB_RATE: '1GiB/s' });
  expect((await scrubs()).map((each) => each.last_completed_at)).toEqual(before.map((each) => each.last_completed_at));
});

it('a chunk that is rotten everywhere is left where it is, its file named, and all others served', async () => {
  const server = await startServer();
  const life = await live(server);
  const [chunkId] = Object.keys(life.content.chunks);
  const names = ['primary', 'replica1', 'replica2'];
  for (const name of names) await flip(chunkPath(replicaOf(server, name), chunkId!));
  await scrub(server);
  const { damaged } = await statusOf(server);
  expect(damaged).toHaveLength(1);
  const [file] = damaged;
  expect(file).toMatchObject({ kind: 'chunk', id: chunkId, stores: expect.arrayContaining(names) });
  const isDamaged = ({ file_id: fileId }: StoredFile): boolean => fileId === file!.file_id;
  expect(life.large.filter(isDamaged).map((each) => each.file_name)).toEqual([file!.file_name]);
  for (const name of names) {
    expect([name, await asideIn(server, name)]).toEqual([name, []]);
    expect(Object.keys((await contentOf(replicaOf(server, name))).chunks)).toContain(chunkId);
  }
  const others = life.large.map((each, index) => ({ each, bytes: testBytes(LARGE, 1 + index) }));
  for (const { each, bytes } of others.filter((other) => !isDamaged(other.each))) {
    expect((await ask(`${server.url}/download/${each.file_id}`)).body.equals(bytes)).toBe(true);
  }
  // Whoever puts the same bytes again mends it, everywhere.
  await store(server.url, {
    name: 'again',
    content: testBytes(LARGE, 1 + life.large.findIndex(isDamaged)),
  });
  await ask(`${server.url}/admin/replicas/sync`, { method: 'POST' });
  await eventually(async () => (await statusOf(server)).damaged, []);
  for (const name of names) {
    await eventually(async () => (await contentOf(replicaOf(server, name))).chunks[chunkId!], chunkId);
  }
});

it('a store that is away is told of, nothing on it is judged, and a file that may not be read stops nobody', async () => {
  const server = await startServer();
  const life = await live(server);
  const [away, here] = [replicaOf(server, 'replica1'), replicaOf(server, 'replica2')];
  await rename(away, `${away}.away`);
  const [chunkId] = Object.keys(life.content.chunks);
  await flip(chunkPath(here, chunkId!));
  const { state, result } = await scrub(server);
  expect([state, result.stores.map(({ name, corrupt, error }) => [name, corrupt, error?.code])]).toEqual([
    'failed',
    [
      ['primary', 0, undefined],
      ['replica1', 0, 'store_unreachable'],
      ['replica2', 1, undefined],
    ],
  ]);
  await rename(`${away}.away`, away);
  await chmod(away, 0o755);
  await expectWhole(server, life);
  expect((await scrub(server, '?store=replica1')).result.stores.map(({ name, corrupt }) => [name, corrupt])).toEqual([
    ['replica1', 0],
  ]);
  expect((await ask(`${server.url}/admin/scrub?store=nowhere`, { method: 'POST' })).status).toBe(404);
});
