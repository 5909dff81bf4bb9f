/** One key, one file: whatever was lost between the commit of an upload and the answer to its client. */
import { FileCache, FileStore } from '#libs/file-store';
import type { FileReceipt } from '#libs/file-store';
import { nodeFileSystem } from '#libs/durable-fs';
import { systemClock } from '#libs/kernel';
import { randomBytes } from 'node:crypto';
import { cp, rm } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { CHUNK_SIZE, get, INLINE_MAX, openInstallation, temporaryPaths } from './installation.js';
import type { InstallationPaths, TestInstallation } from './installation.js';

const SMALL = randomBytes(100);
const LARGE = randomBytes(2 * CHUNK_SIZE + 1);

function put(files: FileStore, bytes: Buffer, idempotencyKey: string | undefined = 'key'): Promise<FileReceipt> {
  async function* body(): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
  }
  const request = { fileName: 'a', contentType: 'text/plain', declaredBytes: undefined, body: body() };
  return files.upload({ ...request, idempotencyKey });
}

const filesIn = ({ files }: TestInstallation) => files.list({ prefix: '', limit: 100, cursor: undefined }).files;

/** Stores a file under the key and is killed when the record is durable, before anybody is answered. */
async function killedBeforeTheAnswer(paths: InstallationPaths, bytes: Buffer): Promise<void> {
  const store = await openInstallation(paths);
  const committed = Promise.withResolvers<void>();
  const applier = {
    halted: false,
    applied: (): Promise<void> => {
      committed.resolve();
      return new Promise(() => undefined);
    },
  };
  const files = new FileStore(
    { fs: nodeFileSystem, clock: systemClock, cache: new FileCache(), ...store.parts, applier },
    {
      chunkSizeBytes: CHUNK_SIZE,
      inlineMaxBytes: INLINE_MAX,
      maxFileSizeBytes: 10 * CHUNK_SIZE,
      readParallelism: 1,
      bufferBudgetBytes: 10 * CHUNK_SIZE,
      bufferWaitMs: 100,
      replicationTimeoutMs: 1000,
      diskReserveBytes: 0,
      reservedPaths: [paths.primary],
    },
  );
  void put(files, bytes);
  await committed.promise;
  await store.abandon();
}

describe.each([
  ['a small file', SMALL],
  ['a large file', LARGE],
])('an upload of %s that was killed between its commit and its answer', (_what, bytes) => {
  it.each<[how: string, lose: (paths: InstallationPaths) => Promise<void>]>([
    ['as it was', async () => undefined],
    ['without its catalog', ({ catalog }) => loseCatalog(catalog)],
    [
      'with a catalog that does not know of it',
      async ({ catalog }) => {
        await loseCatalog(catalog);
        await cp(`${catalog}.before`, catalog);
      },
    ],
  ])('is stored once when it is tried again on an installation %s', async (_how, lose) => {
    await using paths = await temporaryPaths();
    await (await openInstallation(paths)).close();
    await cp(paths.catalog, `${paths.catalog}.before`);
    await killedBeforeTheAnswer(paths, bytes);
    await lose(paths);
    const store = await openInstallation(paths);
    const [survivor, ...others] = filesIn(store);
    expect(others).toEqual([]);
    const lastLsn = store.parts.wal.committedLsn;
    expect(await put(store.files, bytes)).toEqual(survivor);
    expect(filesIn(store)).toEqual([survivor]);
    // Nothing was even begun.
    expect(store.parts.wal.committedLsn).toBe(lastLsn);
    expect((await get(store.files, survivor!.fileId)).equals(bytes)).toBe(true);
    await store.close();
  });
});

describe('a key', () => {
  it('is known after a clean stop, and after the loss of catalog and log', async () => {
    await using paths = await temporaryPaths();
    const first = await openInstallation(paths);
    const stored = await put(first.files, LARGE);
    await first.close();
    const second = await openInstallation(paths);
    expect(await put(second.files, LARGE)).toEqual(stored);
    await second.close();
    await loseCatalog(paths.catalog);
    await rm(paths.wal, { recursive: true });
    const third = await openInstallation(paths);
    expect((await put(third.files, LARGE)).fileId).toBe(stored.fileId);
    await third.close();
  });

  it('has one file where uploads under it come at once', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => put(store.files, LARGE)));
    const refusals = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
    for (const refusal of refusals) expect(refusal).toMatchObject({ code: 'idempotency_conflict' });
    expect(refusals).toHaveLength(19);
    expect(filesIn(store)).toHaveLength(1);
    await store.close();
  });

  it('of an upload that failed is free again', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    async function* broken(): AsyncGenerator<Buffer> {
      yield SMALL;
      throw new Error('cut');
    }
    const request = { fileName: 'a', contentType: 'text/plain', declaredBytes: undefined, idempotencyKey: 'key' };
    await expect(store.files.upload({ ...request, body: broken() })).rejects.toMatchObject({
      code: 'upload_incomplete',
    });
    expect((await put(store.files, SMALL)).fileSize).toBe(SMALL.length);
    await store.close();
  });
});

async function loseCatalog(catalog: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${catalog}${suffix}`, { force: true });
}
