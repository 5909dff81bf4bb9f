import type { FileReceipt, FileStore } from '#libs/file-store';
import { StoreError } from '#libs/kernel';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHUNK_SIZE, get, INLINE_MAX, openInstallation, put, temporaryPaths } from './installation.js';

const SIZES: readonly [string, number][] = [
  ['empty', 0],
  ['one byte', 1],
  ['the largest inline file', INLINE_MAX],
  ['one byte more than inline', INLINE_MAX + 1],
  ['exactly one chunk', CHUNK_SIZE],
  ['one chunk and a byte', CHUNK_SIZE + 1],
  ['many chunks and a rest', 40 * CHUNK_SIZE + 17],
];

describe('a file store in a directory', () => {
  it.each(SIZES)('stores and returns a file: %s', async (name, size) => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    const bytes = randomBytes(size);

    const receipt = await put(store.files, name, bytes);

    expect(receipt.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(receipt.chunkCount).toBe(Math.ceil(size / CHUNK_SIZE));
    expect((await get(store.files, receipt.fileId)).equals(bytes)).toBe(true);
    expect(store.files.list({ prefix: name, limit: 10, cursor: undefined }).files).toEqual([receipt]);
    expect(receipt.stores).toEqual([{ name: 'replica', state: 'pending' }]);
    await store.close();
  });

  it('has every acknowledged file after an unclean stop, and none that was deleted', async () => {
    await using paths = await temporaryPaths();
    const before = await openInstallation(paths);
    const bodies = Array.from({ length: 30 }, (_, index) => randomBytes(index * 7_000));
    const receipts = await Promise.all(bodies.map((body, index) => put(before.files, `file-${index}`, body)));
    await before.files.delete(receipts[3]!.fileId);
    await before.files.delete(receipts[29]!.fileId);
    await before.abandon();

    const after = await openInstallation(paths);
    await expectFiles(after.files, receipts, bodies, [3, 29]);
    expect(after.parts.report.replayedRecords).toBeGreaterThan(30);
    await after.close();
  });

  it.each([
    ['the catalog', (root: string) => rm(join(root, 'catalog.db'))],
    [
      'the catalog and the log',
      async (root: string) => {
        await rm(join(root, 'catalog.db'));
        await emptyDirectory(join(root, 'wal'));
      },
    ],
    ['the log', (root: string) => emptyDirectory(join(root, 'wal'))],
  ])('comes back whole after a clean stop without %s', async (_what, lose) => {
    await using paths = await temporaryPaths();
    const before = await openInstallation(paths);
    const bodies = Array.from({ length: 12 }, (_, index) => randomBytes(index * 20_000));
    const receipts = await Promise.all(bodies.map((body, index) => put(before.files, `file-${index}`, body)));
    await before.files.delete(receipts[0]!.fileId);
    const lastLsn = before.parts.wal.committedLsn;
    await before.close();
    await lose(paths.root);

    const after = await openInstallation(paths);
    await expectFiles(after.files, receipts, bodies, [0]);
    const later = await put(after.files, 'later', randomBytes(10));
    expect(later.lsn).toBeGreaterThan(lastLsn - 1);
    await after.close();
    const again = await openInstallation(paths);
    expect(again.parts.report.catalogRebuilt).toBeUndefined();
    expect(again.files.list({ prefix: '', limit: 1000, cursor: undefined }).files).toHaveLength(12);
    await again.close();
  });

  it('reads exact ranges across chunk borders', async () => {
    await using paths = await temporaryPaths();
    const store = await openInstallation(paths);
    const bytes = randomBytes(3 * CHUNK_SIZE + 5);
    const { fileId } = await put(store.files, 'ranges', bytes);
    for (const [start, end] of [
      [0, 1],
      [CHUNK_SIZE - 1, CHUNK_SIZE + 1],
      [CHUNK_SIZE, 2 * CHUNK_SIZE],
      [1, 3 * CHUNK_SIZE + 5],
      [3 * CHUNK_SIZE, 3 * CHUNK_SIZE + 5],
    ] as const) {
      expect((await get(store.files, fileId, { start, end })).equals(bytes.subarray(start, end))).toBe(true);
    }
    await store.close();
  });
});

/** Every file reads back as it was sent, but for the deleted ones, which are gone. */
async function expectFiles(
  files: FileStore,
  receipts: readonly FileReceipt[],
  bodies: readonly Buffer[],
  deleted: readonly number[],
): Promise<void> {
  const found = await Promise.all(
    receipts.map(async ({ fileId }, index) => {
      const bytes = await get(files, fileId).catch((error: unknown) => error);
      if (StoreError.is(bytes)) return bytes.code;
      return bodies[index]!.equals(bytes as Buffer) ? 'same' : 'different';
    }),
  );
  expect(found).toEqual(bodies.map((_body, index) => (deleted.includes(index) ? 'file_not_found' : 'same')));
}

async function emptyDirectory(path: string): Promise<void> {
  for (const name of await readdir(path)) await rm(join(path, name), { recursive: true });
}
