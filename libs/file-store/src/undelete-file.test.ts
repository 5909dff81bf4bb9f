import { openApplyBench, REPLICA_ID } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { crashStates } from '#libs/durable-fs/testing';
import { decodeManifest, newFileId, recordTypeOf } from '#libs/kernel';
import type { ChunkId, FileId } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FileCache } from './file-cache.js';
import { FileStore } from './file-store.js';
import type { FileReceipt } from './types.js';

const CHUNK_BYTES = 4096;
const RESERVE_BYTES = 1_000_000;
const SMALL = Buffer.from('some bytes');
const LARGE = Buffer.concat([Buffer.alloc(CHUNK_BYTES, 1), Buffer.alloc(CHUNK_BYTES, 2), Buffer.alloc(10, 3)]);
const CHUNK_IDS = [0, 1, 2].map((index) => idOf(LARGE.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES)));

function idOf(bytes: Buffer): ChunkId {
  return createHash('sha256').update(bytes).digest('hex') as ChunkId;
}

function storeOver({ fs, wal, applier, catalog, primary }: ApplyBench): FileStore {
  let nowMs = 1_764_000_000_000;
  const replicas = [{ storeId: REPLICA_ID, name: 'replica' }];
  // A second a look: no answer about free space is too young to be asked for again.
  const clock = { now: () => (nowMs += 1000) };
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
      diskReserveBytes: RESERVE_BYTES,
      reservedPaths: ['/primary', '/wal'],
    },
  );
}

function put(files: FileStore, bytes: Buffer, idempotencyKey?: string): Promise<FileReceipt> {
  async function* body(): AsyncGenerator<Buffer> {
    yield bytes;
  }
  const request = { fileName: 'a file', contentType: 'text/plain', declaredBytes: bytes.length, idempotencyKey };
  return files.upload({ ...request, body: body() });
}

async function putAndDelete(files: FileStore, bytes: Buffer): Promise<FileReceipt> {
  const receipt = await put(files, bytes);
  await files.delete(receipt.fileId);
  return receipt;
}

async function get(files: FileStore, fileId: FileId): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await files.read(fileId, {
    select: ({ fileSize }) => [{ start: 0, end: fileSize }],
    write: async (bytes) => void pieces.push(Buffer.from(bytes)),
  });
  return Buffer.concat(pieces);
}

const listed = (files: FileStore): readonly FileReceipt[] =>
  files.list({ prefix: '', limit: 100, cursor: undefined }).files;

const chunkPath = (id: ChunkId): string => `/primary/chunks/${id.slice(0, 2)}/${id}`;

const putRecords = async ({ wal }: ApplyBench): Promise<number> =>
  (await Array.fromAsync(wal.read(), ({ frame }) => recordTypeOf(frame))).filter((type) => type === 'file_put').length;

describe('an undelete', () => {
  it.each([
    ['small', SMALL],
    ['empty', Buffer.alloc(0)],
    ['large', LARGE],
  ])('brings a %s file back under a new id, with all that it was', async (_, bytes) => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId: oldId, createdAtMs, sha256 } = await putAndDelete(files, bytes);
    const receipt = await files.undelete(oldId);
    const kept = { fileName: 'a file', contentType: 'text/plain', fileSize: bytes.length, createdAtMs, sha256 };
    expect(receipt).toMatchObject({ ...kept, mode: 'async', wait: 0, stores: [{ state: 'pending' }] });
    expect(receipt.fileId).not.toBe(oldId);
    expect(await get(files, receipt.fileId)).toEqual(bytes);
    expect(listed(files)).toEqual([receipt]);
    await expect(get(files, oldId)).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('leaves the idempotency key of the upload free', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const first = await put(files, SMALL, 'the key');
    await files.delete(first.fileId);
    await files.undelete(first.fileId);
    expect(bench.catalog.findFileByKey('the key')).toBeUndefined();
    const frames = await Array.fromAsync(bench.wal.read(), ({ frame }) => frame);
    expect(decodeManifest(frames.at(-1)!).idempotencyKey).toBeUndefined();
  });

  it('can be done again when the file was deleted again, by its new id', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    let { fileId } = await putAndDelete(files, LARGE);
    for (let round = 0; round < 3; round += 1) {
      ({ fileId } = await files.undelete(fileId));
      await files.delete(fileId);
    }
    expect(await get(files, (await files.undelete(fileId)).fileId)).toEqual(LARGE);
  });

  it('twice at once brings it back once, and both are told the same', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    const [first, second] = await Promise.all([files.undelete(fileId), files.undelete(fileId)]);
    expect(second).toEqual(first);
    expect(listed(files)).toHaveLength(1);
  });

  it('has the names of its chunks on the disk before its record', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    // As an upload leaves a chunk that failed between its rename and the sync.
    const path = chunkPath(CHUNK_IDS[1]!);
    await bench.fs.rename(path, '/primary/staging/chunk');
    for (const directory of ['/primary/staging', path.slice(0, path.lastIndexOf('/'))]) {
      await bench.fs.syncDirectory(directory);
    }
    await bench.fs.rename('/primary/staging/chunk', path);
    await files.undelete(fileId);
    for (const { label, fileSystem } of crashStates(bench.fs.snapshot())) {
      expect(await fileSystem.stat(path), label).toMatchObject({ sizeBytes: CHUNK_BYTES });
    }
  });
});

describe('an undelete is refused', () => {
  it('for a file that was never there', async () => {
    await using bench = await openApplyBench();
    await expect(storeOver(bench).undelete(newFileId(1))).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('for a file that is there', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await put(files, SMALL);
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'file_not_deleted' });
    expect(listed(files)).toHaveLength(1);
  });

  it('the second time', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    await files.undelete(fileId);
    await expect(files.undelete(fileId)).rejects.toMatchObject({
      code: 'undelete_impossible',
      context: { file_id: fileId, missing: 'manifest' },
    });
    expect(listed(files)).toHaveLength(1);
  });

  it.each([
    [
      'a byte of the kept manifest has changed',
      (bytes: Buffer) => Buffer.from(bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte))),
    ],
    ['the kept manifest is cut', (bytes: Buffer) => bytes.subarray(0, 100)],
  ])('where %s', async (_, damage) => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, SMALL);
    const kept = (await bench.primary.deleted.find(fileId))!;
    const path = `/primary/deleted/${fileId.slice(-2)}/${fileId}.${kept.deletedAtMs}`;
    await bench.fs.replaceFile(path, damage(await bench.fs.readFile(path)), '/primary/staging/new');
    await expect(files.undelete(fileId)).rejects.toMatchObject({
      code: 'undelete_impossible',
      context: { missing: 'manifest', deleted_at: kept.deletedAtMs },
    });
    expect(listed(files)).toEqual([]);
  });

  it.each([
    ['is gone', async ({ fs }: ApplyBench, path: string) => fs.unlink(path)],
    [
      'is shorter',
      async ({ fs }: ApplyBench, path: string) => fs.replaceFile(path, Buffer.alloc(9), '/primary/staging/n'),
    ],
  ])('where a chunk %s, and says so; nothing is logged, and nothing stays pinned', async (_, damage) => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    const before = await putRecords(bench);
    await damage(bench, chunkPath(CHUNK_IDS[2]!));
    await expect(files.undelete(fileId)).rejects.toMatchObject({
      code: 'undelete_impossible',
      context: { missing: 'chunks', missing_chunks: 1 },
    });
    expect(await putRecords(bench)).toBe(before);
    expect(CHUNK_IDS.map((id) => bench.primary.guard.isPinned(id))).toEqual([false, false, false]);
  });

  it('while the disk has no more than its reserve, and succeeds when it has', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, SMALL);
    bench.fs.availableBytes = RESERVE_BYTES + SMALL.length - 1;
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'disk_reserve' });
    expect(listed(files)).toEqual([]);
    bench.fs.availableBytes = 2 * RESERVE_BYTES;
    expect((await files.undelete(fileId)).fileSize).toBe(SMALL.length);
  });

  it('where the free space cannot be asked for', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, SMALL);
    bench.fs.failNext({ operation: 'freeBytes', errorCode: 'EIO' });
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'store_write_failed' });
    expect((await files.undelete(fileId)).fileSize).toBe(SMALL.length);
  });

  it('where the names of its chunks cannot be synced', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    bench.fs.failNext({ operation: 'syncDirectory', pathPattern: /\/chunks\//, errorCode: 'EIO' });
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'store_write_failed' });
    expect(CHUNK_IDS.map((id) => bench.primary.guard.isPinned(id))).toEqual([false, false, false]);
    expect((await files.undelete(fileId)).fileSize).toBe(LARGE.length);
  });

  it('by a poisoned log; one under way when it was poisoned is told that its outcome is unknown, and stays pinned', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, LARGE);
    bench.fs.failNext({ operation: 'dataSync', pathPattern: /segments/, errorCode: 'EIO' });
    await expect(files.undelete(fileId)).rejects.toMatchObject({
      code: 'outcome_unknown',
      context: { file_id: expect.not.stringMatching(fileId) },
    });
    expect(CHUNK_IDS.map((id) => bench.primary.guard.isPinned(id))).toEqual([true, true, true]);
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'log_poisoned' });
  });

  it('while apply is halted', async () => {
    await using bench = await openApplyBench();
    const files = storeOver(bench);
    const { fileId } = await putAndDelete(files, SMALL);
    bench.fs.failNext({ operation: 'replaceFile', pathPattern: /manifests/, errorCode: 'EIO', times: Infinity });
    await expect(put(files, SMALL)).rejects.toMatchObject({ code: 'outcome_unknown' });
    await expect(files.undelete(fileId)).rejects.toMatchObject({ code: 'apply_halted' });
  });
});
