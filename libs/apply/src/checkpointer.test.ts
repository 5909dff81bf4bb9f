import { holdReadTransaction } from '#libs/catalog/testing';
import { crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { decodeWholeFrame, NO_LSN } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import { DirectoryStore } from '#libs/stores';
import { verifyLog } from '#libs/wal';
import { WAL_PATH } from '#libs/wal/testing';
import { stat } from 'node:fs/promises';
import { describe, expect, it, vi } from 'vitest';
import { deleteAndApply, openApplyBench, PRIMARY_PATH, putAndApply, REPLICA_ID } from '../testing/src/index.js';
import type { ApplyBench } from '../testing/src/index.js';

describe('a checkpoint', () => {
  it('lets the log forget only what the primary durably has, in every state a power cut can leave', async () => {
    await using bench = await openApplyBench();
    const snapshots: DiskSnapshot[] = [];
    bench.fs.onBoundary(() => snapshots.push(bench.fs.snapshot()));
    const files: { readonly fileId: FileId; readonly deleted: boolean }[] = [];
    for (let round = 0; round < 3; round += 1) {
      const kept = await putAndApply(bench, `kept ${round} ${'.'.repeat(900)}`);
      const deleted = await putAndApply(bench, `deleted ${round}`);
      await deleteAndApply(bench, deleted);
      files.push({ fileId: kept, deleted: false }, { fileId: deleted, deleted: true });
      await bench.checkpointer.run();
    }
    snapshots.push(bench.fs.snapshot());
    let checked = 0;
    for (const [index, snapshot] of snapshots.entries()) {
      for (const { label, fileSystem } of crashStates(snapshot, { limit: 10, seed: index })) {
        const verified = await verifyLog(fileSystem, WAL_PATH, () => NO_LSN);
        // Three records a file pair, and one a checkpoint.
        const covered = Math.floor((verified!.checkpointLsn + 1) / 4) * 2;
        const store = new DirectoryStore(fileSystem, PRIMARY_PATH, bench.primary.identity);
        for (const { fileId, deleted } of files.slice(0, covered)) {
          expect(await stateOf(store, fileId), `cut ${index}, ${label}`).toBe(deleted ? 'deleted' : 'whole');
          checked += 1;
        }
      }
    }
    expect(checked).toBeGreaterThan(200);
  });

  it('stands for what was applied before its flush, whatever is applied during it', async () => {
    await using bench = await openApplyBench();
    const { applied } = bench.primary;
    const flush = applied.flush.bind(applied);
    await putAndApply(bench, 'before');
    const { appliedLsn } = bench.applier;
    applied.flush = async () => {
      await flush();
      await putAndApply(bench, 'during');
    };
    await bench.checkpointer.run();
    expect(bench.wal.checkpointLsn).toBe(appliedLsn);
  });

  it('is not taken while nothing has changed, not even by its own record', async () => {
    await using bench = await openApplyBench();
    await putAndApply(bench, 'hello');
    await bench.checkpointer.run();
    await bench.applier.drain();
    const { committedLsn } = bench.wal;
    await bench.checkpointer.run();
    expect(bench.wal.committedLsn).toBe(committedLsn);
  });

  it('moves what was written into the catalog alone, which would otherwise grow SQLite’s log without end', async () => {
    await using bench = await openApplyBench();
    const fileId = await putAndApply(bench, 'hello');
    await bench.checkpointer.run();
    const checkpointLsn = bench.wal.checkpointLsn;
    const order = { fileId, storeId: REPLICA_ID, generation: 1, want: 'present' as const };
    expect(bench.catalog.obligations.close([order], 2)).toHaveLength(1);
    expect((await stat(`${bench.catalogPath}-wal`)).size).toBeGreaterThan(0);
    await bench.checkpointer.run();
    expect((await stat(`${bench.catalogPath}-wal`)).size).toBe(0);
    expect(bench.wal.checkpointLsn).toBe(checkpointLsn);
  });

  it('leaves every segment where the catalog cannot be made durable, and is taken later', async () => {
    await using bench = await openApplyBench();
    for (let index = 0; index < 8; index += 1) await putAndApply(bench, '.'.repeat(1000));
    const reader = holdReadTransaction(bench.catalogPath);
    const segments = bench.wal.segments();
    await expect(bench.checkpointer.run()).rejects.toThrow(/checkpoint/);
    expect(bench.wal.segments()).toEqual(segments);
    expect(bench.wal.checkpointLsn).toBe(NO_LSN);
    reader.release();
    await bench.checkpointer.run();
    expect(bench.wal.segments().length).toBeLessThan(segments.length);
  });

  it.each(['dataSync', 'syncDirectory'] as const)(
    'after a failed %s of the primary is never taken again: the log keeps everything',
    async (operation) => {
      await using bench = await openApplyBench();
      for (let index = 0; index < 8; index += 1) await putAndApply(bench, '.'.repeat(1000));
      const segments = bench.wal.segments();
      bench.fs.failNext({ operation, errorCode: 'EIO', pathPattern: /primary/ });
      await expect(bench.checkpointer.run()).rejects.toMatchObject({ code: 'EIO' });
      expect(bench.checkpointer.failure).toMatchObject({ code: 'EIO' });
      await expect(bench.checkpointer.run()).rejects.toMatchObject({ code: 'EIO' });
      expect(bench.wal.segments()).toEqual(segments);
    },
  );

  // Linux tells an error of a write-back once: the flush says yes then, and the manifest is on no disk.
  it('is never taken again where somebody else was told that the disk of the primary lost a write', async () => {
    await using bench = await openApplyBench();
    for (let index = 0; index < 8; index += 1) await putAndApply(bench, '.'.repeat(1000));
    const segments = bench.wal.segments();
    await bench.checkpointer.doubtPrimary(new Error('told to another'));
    expect(bench.checkpointer.failure?.message).toBe('told to another');
    await expect(bench.checkpointer.run()).rejects.toThrow('told to another');
    expect(bench.wal.segments()).toEqual(segments);
    expect(bench.wal.checkpointLsn).toBe(NO_LSN);
    expect(await bench.fs.stat(`${PRIMARY_PATH}/flush-failed`)).toBeDefined();
  });

  it('is not taken where that is said while its flush runs', async () => {
    await using bench = await openApplyBench();
    await putAndApply(bench, 'hello');
    const { applied } = bench.primary;
    const flush = applied.flush.bind(applied);
    applied.flush = async () => {
      await flush();
      await bench.checkpointer.doubtPrimary(new Error('told to another'));
    };
    await expect(bench.checkpointer.run()).rejects.toThrow('told to another');
    expect(bench.wal.checkpointLsn).toBe(NO_LSN);
  });

  it('after a failed sync of the catalog is never taken again, and the next boot is told', async () => {
    await using bench = await openApplyBench();
    for (let index = 0; index < 8; index += 1) await putAndApply(bench, '.'.repeat(1000));
    const segments = bench.wal.segments();
    vi.spyOn(bench.catalog, 'inDoubt', 'get').mockReturnValue(true);
    vi.spyOn(bench.catalog, 'makeDurable').mockImplementationOnce(() => {
      throw Object.assign(new Error('disk I/O error'), { code: 'SQLITE_IOERR_FSYNC' });
    });
    await expect(bench.checkpointer.run()).rejects.toThrow('disk I/O error');
    expect(bench.doubts).toEqual(['in doubt']);
    // SQLite would say yes now.
    await expect(bench.checkpointer.run()).rejects.toThrow('disk I/O error');
    expect(bench.checkpointer.failure?.message).toBe('disk I/O error');
    expect(bench.wal.segments()).toEqual(segments);
    expect(bench.doubts).toHaveLength(1);
  });
});

async function stateOf(
  store: ApplyBench['primary'] | DirectoryStore,
  fileId: FileId,
): Promise<'whole' | 'deleted' | 'lost'> {
  const manifest = await store.get({ kind: 'manifest', id: fileId });
  if (manifest !== undefined) return decodeWholeFrame(manifest).ok ? 'whole' : 'lost';
  const tombstone = await store.get({ kind: 'tombstone', id: fileId });
  return tombstone !== undefined && decodeWholeFrame(tombstone).ok ? 'deleted' : 'lost';
}
