/** What an idempotency key is worth while it is not known what became of its upload. */
import { openApplyBench, REPLICA_ID } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { recordTypeOf, StoreError } from '#libs/kernel';
import type { Clock } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import type { AppliedState } from './context.js';
import { FileCache } from './file-cache.js';
import { FileStore } from './file-store.js';
import type { FileReceipt } from './types.js';

const CHUNK_BYTES = 4096;

function storeOver(
  bench: ApplyBench,
  applier: AppliedState = bench.applier,
  clock: Clock = { now: () => 1 },
): FileStore {
  const { fs, wal, catalog, primary } = bench;
  const replicas = [{ storeId: REPLICA_ID, name: 'replica' }];
  return new FileStore(
    { fs, wal, applier, catalog, primary, replicas, cache: new FileCache(), clock },
    {
      chunkSizeBytes: CHUNK_BYTES,
      inlineMaxBytes: 1024,
      maxFileSizeBytes: 1024 * 1024,
      readParallelism: 2,
      bufferBudgetBytes: 16 * CHUNK_BYTES,
      bufferWaitMs: 50,
      replicationTimeoutMs: 1000,
      diskReserveBytes: 0,
      reservedPaths: ['/primary', '/wal'],
    },
  );
}

async function* body(sizeBytes: number, fill = 1): AsyncGenerator<Buffer> {
  yield Buffer.alloc(sizeBytes, fill);
}

function put(files: FileStore, idempotencyKey = 'key', sizeBytes = 10): Promise<FileReceipt> {
  const request = { fileName: 'file', contentType: 'text/plain', declaredBytes: sizeBytes };
  return files.upload({ ...request, idempotencyKey, body: body(sizeBytes) });
}

const putRecords = async (bench: ApplyBench): Promise<number> =>
  (await Array.fromAsync(bench.wal.read(), ({ frame }) => recordTypeOf(frame))).filter((type) => type === 'file_put')
    .length;

describe('a key whose upload ended with an unknown outcome', () => {
  it('gets the first answer once the record is applied, and until then no second file', async () => {
    await using bench = await openApplyBench();
    bench.fs.failNext({ operation: 'replaceFile', errorCode: 'ENOSPC', times: Number.POSITIVE_INFINITY });
    // As apply is seen in the moment between its end of a halt and the record in question.
    const applier = { halted: false, applied: () => Promise.reject(new StoreError('outcome_unknown', 'not applied')) };
    const files = storeOver(bench, applier);
    const failure = await put(files).catch((error: unknown) => error as StoreError);
    expect(failure).toMatchObject({ code: 'outcome_unknown' });
    await expect(put(files)).rejects.toMatchObject({ code: 'idempotency_conflict', retryable: true });
    bench.fs.clearFaults();
    await expect.poll(() => bench.catalog.findFileByKey('key')).toBeDefined();
    expect(await put(files)).toMatchObject({ fileId: (failure as StoreError).context['file_id'] });
    expect(await putRecords(bench)).toBe(1);
  });

  it('is answered although nothing can be written any more, where its file is stored', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const stored = await put(files);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /segments/, errorCode: 'EIO' });
    await expect(put(files, 'other')).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(await put(files)).toEqual(stored);
    await files.assertUploadable({ atLeastBytes: 10, idempotencyKey: 'key' });
    for (const idempotencyKey of ['other', undefined]) {
      await expect(files.assertUploadable({ atLeastBytes: 10, idempotencyKey })).rejects.toMatchObject({
        code: 'log_poisoned',
      });
    }
  });
});

it('a body of the same name and length is no retry', async () => {
  await using bench = await openApplyBench();
  const files = storeOver(bench);
  const { fileId } = await put(files);
  const request = { fileName: 'file', contentType: 'text/plain', declaredBytes: 10, idempotencyKey: 'key' };
  await expect(files.upload({ ...request, body: body(10, 2) })).rejects.toMatchObject({
    code: 'idempotency_mismatch',
    context: { file_id: fileId },
  });
});

describe('a key whose upload failed for certain', () => {
  it('is free again, wherever it failed', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /staging/, errorCode: 'EIO' });
    await expect(put(files, 'key', 3 * CHUNK_BYTES)).rejects.toMatchObject({ code: 'store_write_failed' });
    bench.fs.failNext({ operation: 'syncDirectory', pathPattern: /chunks/, errorCode: 'EIO' });
    await expect(put(files, 'key', 3 * CHUNK_BYTES)).rejects.toMatchObject({ code: 'store_write_failed' });
    expect(await put(files, 'key', 3 * CHUNK_BYTES)).toMatchObject({ fileSize: 3 * CHUNK_BYTES });
  });

  it.each([
    ['before the body', 0],
    ['before the append', 1],
  ])('is free again, where the free space could not be asked for %s', async (_when, after) => {
    await using bench = await openApplyBench();
    let nowMs = 1;
    const files = storeOver(bench, bench.applier, { now: () => (nowMs += 1000) });
    // One question is about two directories.
    bench.fs.failNext({ operation: 'freeBytes', pathPattern: /primary/, errorCode: 'EIO', after });
    await expect(put(files)).rejects.toMatchObject({ code: 'store_write_failed', cause: { code: 'EIO' } });
    expect(await put(files)).toMatchObject({ fileSize: 10 });
    expect(await putRecords(bench)).toBe(1);
  });

  it('is free again, where it failed before the append with an error that nobody foresaw', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { staging } = bench.primary;
    const publish = staging.publish.bind(staging);
    staging.publish = () => Promise.reject(new TypeError('undefined is not a function'));
    await expect(put(files, 'key', 3 * CHUNK_BYTES)).rejects.toThrow(TypeError);
    staging.publish = publish;
    expect(await put(files, 'key', 3 * CHUNK_BYTES)).toMatchObject({ fileSize: 3 * CHUNK_BYTES });
  });
});

it('a form whose disk cannot be asked for its free space is told so', async () => {
  await using bench = await openApplyBench();
  const files = storeOver(bench);
  bench.fs.failNext({ operation: 'freeFiles', errorCode: 'EIO' });
  await expect(files.assertUploadable({ atLeastBytes: 10, idempotencyKey: 'key' })).rejects.toMatchObject({
    code: 'store_write_failed',
  });
});
