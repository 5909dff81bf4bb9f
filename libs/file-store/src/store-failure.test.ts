import { openApplyBench, REPLICA_ID } from '#libs/apply/testing';
import type { ErrorCode } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { FileCache } from './file-cache.js';
import { FileStore } from './file-store.js';
import { writingStore } from './store-failure.js';

const CHUNK_BYTES = 4096;

describe('an upload whose primary cannot be written', () => {
  it.each([
    ['a full disk, while a chunk is staged', 'write', /staging/, 'ENOSPC', 'disk_reserve'],
    ['no inode left', 'create', /staging/, 'ENOSPC', 'disk_reserve'],
    ['a quota', 'write', /staging/, 'EDQUOT', 'disk_reserve'],
    ['a disk that fails, while a chunk is staged', 'dataSync', /staging/, 'EIO', 'store_write_failed'],
    ['a disk that fails, while a chunk gets its name', 'syncDirectory', /chunks/, 'EIO', 'store_write_failed'],
    ['a read-only disk', 'create', /staging/, 'EROFS', 'store_write_failed'],
  ] as const)('is told so: %s', async (_fault, operation, pathPattern, errorCode, code: ErrorCode) => {
    await using bench = await openApplyBench();
    const { fs, wal, applier, catalog, primary } = bench;
    const replicas = [{ storeId: REPLICA_ID, name: 'replica' }];
    const files = new FileStore(
      { fs, wal, applier, catalog, primary, replicas, cache: new FileCache(), clock: { now: () => 1 } },
      {
        chunkSizeBytes: CHUNK_BYTES,
        inlineMaxBytes: 1024,
        maxFileSizeBytes: 1024 * 1024,
        readParallelism: 2,
        bufferBudgetBytes: 16 * CHUNK_BYTES,
        bufferWaitMs: 50,
        replicationTimeoutMs: 1000,
        diskReserveBytes: 0,
        reservedPaths: ['/primary'],
      },
    );
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.alloc(3 * CHUNK_BYTES, 1);
    }
    const upload = () =>
      files.upload({ fileName: 'file', contentType: 'text/plain', declaredBytes: undefined, body: body() });
    fs.failNext({ operation, pathPattern, errorCode });
    await expect(upload()).rejects.toMatchObject({ code, retryable: true, cause: { code: errorCode } });
    expect(files.list({ prefix: '', limit: 10, cursor: undefined }).files).toEqual([]);
    expect(Object.keys(fs.tree()).filter((path) => /staging\/./.test(path))).toEqual([]);
    await expect(upload()).resolves.toMatchObject({ fileSize: 3 * CHUNK_BYTES });
  });
});

it('a mistake of ours stays one', async () => {
  const mistake = new TypeError('undefined is not a function');
  await expect(writingStore(() => Promise.reject(mistake))).rejects.toBe(mistake);
});
