/** What uploads and deletes are told when the log or its disk cannot take them, and what was stored then. */
import { openApplyBench, REPLICA_ID } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { recordTypeOf, StoreError } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { FileCache } from './file-cache.js';
import { FileStore } from './file-store.js';
import type { FileReceipt } from './types.js';

const CHUNK_BYTES = 4096;
const RESERVE_BYTES = 1_000_000;
const SEGMENT_BYTES = 4096;

interface TestStore {
  readonly files: FileStore;
  /** Lets the answer about free space grow old. */
  passTime(): void;
}

function storeOver(bench: ApplyBench): TestStore {
  let nowMs = 1;
  const { fs, wal, applier, catalog, primary } = bench;
  const replicas = [{ storeId: REPLICA_ID, name: 'replica' }];
  const files = new FileStore(
    { fs, wal, applier, catalog, primary, replicas, cache: new FileCache(), clock: { now: () => nowMs } },
    {
      chunkSizeBytes: CHUNK_BYTES,
      inlineMaxBytes: 1024,
      maxFileSizeBytes: 1024 * 1024,
      readParallelism: 2,
      bufferBudgetBytes: 16 * CHUNK_BYTES,
      bufferWaitMs: 50,
      replicationTimeoutMs: 1000,
      diskReserveBytes: RESERVE_BYTES,
      reservedPaths: ['/primary', '/wal'],
    },
  );
  return { files, passTime: () => (nowMs += 1000) };
}

function put(files: FileStore, sizeBytes: number): Promise<FileReceipt> {
  async function* body(): AsyncGenerator<Buffer> {
    yield Buffer.alloc(sizeBytes, 1);
  }
  return files.upload({ fileName: 'file', contentType: 'text/plain', declaredBytes: sizeBytes, body: body() });
}

/** A body that nobody may read. */
const unread = (): AsyncIterable<Buffer> => ({
  [Symbol.asyncIterator]: () => {
    throw new Error('the body was read');
  },
});

const recordTypes = (bench: ApplyBench): Promise<unknown[]> =>
  Array.fromAsync(bench.wal.read(), ({ frame }) => recordTypeOf(frame));

describe('an upload whose log fails', () => {
  it('at upload_begin is told that nothing was stored: its file can never appear', async () => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /segments/, errorCode: 'EIO' });
    await expect(put(files, 3 * CHUNK_BYTES)).rejects.toMatchObject({
      code: 'log_poisoned',
      message: expect.stringContaining('nothing was stored'),
    });
    expect(await recordTypes(bench)).toEqual([]);
    const leftovers = Object.keys(bench.fs.tree()).filter((path) => /\/(chunks|manifests|staging)\/.*[^/]$/.test(path));
    expect(leftovers).toEqual([]);
    await expect(put(files, 10)).rejects.toMatchObject({ code: 'log_poisoned' });
  });

  it('at file_put is told that the outcome is unknown, with the id to ask for', async () => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /segments/, after: 1, errorCode: 'EIO' });
    await expect(put(files, 3 * CHUNK_BYTES)).rejects.toMatchObject({
      code: 'outcome_unknown',
      context: { file_id: expect.any(String), lsn: 2, log_id: bench.wal.logId },
    });
  });
});

describe('an upload whose chunks cannot be made durable', () => {
  it.each(['dataSync', 'syncDirectory'] as const)('is refused, and the log gets no file_put: %s', async (operation) => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    bench.fs.failNext({ operation, pathPattern: /staging|chunks/, errorCode: 'EIO' });
    await expect(put(files, 3 * CHUNK_BYTES)).rejects.toThrow('The primary could not be written');
    expect(await recordTypes(bench)).not.toContain('file_put');
    expect(await bench.fs.readDirectory('/primary/staging')).toEqual([]);
  });
});

describe('writes while apply is halted', () => {
  const fillPrimary = (bench: ApplyBench): void =>
    bench.fs.failNext({ operation: 'replaceFile', errorCode: 'ENOSPC', times: Number.POSITIVE_INFINITY });

  it('are not answered as stored where their record is committed and waits', async () => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    const { fileId } = await put(files, 10);
    fillPrimary(bench);
    await expect(put(files, 10)).rejects.toMatchObject({ code: 'outcome_unknown' });
    bench.fs.clearFaults();
    await expect.poll(() => bench.applier.halted).toBe(false);
    fillPrimary(bench);
    await expect(files.delete(fileId)).rejects.toMatchObject({ code: 'outcome_unknown' });
  });

  it('are refused before the body, and before the append where it came later', async () => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(5, 1);
      fillPrimary(bench);
      await expect(put(files, 10)).rejects.toMatchObject({ code: 'outcome_unknown' });
      yield Buffer.alloc(5, 1);
    }
    const request = { fileName: 'file', contentType: 'text/plain', declaredBytes: 10 };
    await expect(files.upload({ ...request, body: body() })).rejects.toMatchObject({ code: 'apply_halted' });
    // Only the one that halted apply.
    expect(await recordTypes(bench)).toEqual(['file_put']);
    await expect(files.upload({ ...request, body: unread() })).rejects.toMatchObject({ code: 'apply_halted' });
  });
});

describe('an upload to a poisoned log', () => {
  it('is refused before a byte of its body is read', async () => {
    await using bench = await openApplyBench();
    const { files } = storeOver(bench);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /segments/, errorCode: 'EIO' });
    await expect(put(files, 10)).rejects.toMatchObject({ code: 'outcome_unknown' });
    const request = { fileName: 'file', contentType: 'text/plain', declaredBytes: 10, body: unread() };
    await expect(files.upload(request)).rejects.toMatchObject({ code: 'log_poisoned' });
  });
});

describe('a log at WAL_MAX_SIZE', () => {
  /** Uploads until it is refused, where no checkpoint makes room. */
  async function fill(files: FileStore): Promise<FileId[]> {
    const stored: FileId[] = [];
    for (;;) {
      const receipt = await put(files, 1000).catch((error: unknown) => error);
      if (StoreError.is(receipt, 'log_full')) return stored;
      stored.push((receipt as FileReceipt).fileId);
    }
  }

  it('refuses uploads, takes deletes, and takes uploads again behind a checkpoint', async () => {
    await using bench = await openApplyBench({ maxSizeBytes: 16 * SEGMENT_BYTES });
    const { files } = storeOver(bench);
    const stored = await fill(files);
    const { length: segments } = bench.wal.segments();
    // More of them than fit into the active segment.
    for (const fileId of stored) await files.delete(fileId);
    expect(bench.wal.segments().length).toBeGreaterThan(segments);
    expect(files.list({ prefix: '', limit: 100, cursor: undefined }).files).toEqual([]);
    await expect(put(files, 10)).rejects.toMatchObject({ code: 'log_full' });
    await bench.checkpointer.run();
    await expect(put(files, 10)).resolves.toMatchObject({ fileSize: 10 });
  });
});

describe('a disk down to DISK_RESERVE', () => {
  it.each([
    ['inline', 1000],
    ['in chunks', 3 * CHUNK_BYTES],
  ])('refuses uploads %s before anything is written, takes deletes, and takes uploads again', async (_how, size) => {
    await using bench = await openApplyBench();
    const { files, passTime } = storeOver(bench);
    const { fileId } = await put(files, size);
    bench.fs.availableBytes = RESERVE_BYTES + size - 1;
    passTime();
    const operations = bench.fs.operationCount;
    await expect(put(files, size)).rejects.toMatchObject({ code: 'disk_reserve' });
    expect(bench.fs.operationCount).toBe(operations);
    await files.delete(fileId);
    expect(files.list({ prefix: '', limit: 100, cursor: undefined }).files).toEqual([]);
    bench.fs.availableBytes = RESERVE_BYTES + 2 * size;
    passTime();
    await expect(put(files, size)).resolves.toMatchObject({ fileSize: size });
  });

  it('that is reached while the body comes refuses the append: the log gets no file_put', async () => {
    await using bench = await openApplyBench();
    const { files, passTime } = storeOver(bench);
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(500, 1);
      bench.fs.availableBytes = RESERVE_BYTES;
      passTime();
      yield Buffer.alloc(500, 1);
    }
    const request = { fileName: 'file', contentType: 'text/plain', declaredBytes: 1000, body: body() };
    await expect(files.upload(request)).rejects.toMatchObject({ code: 'disk_reserve' });
    expect(await recordTypes(bench)).toEqual([]);
  });
});
