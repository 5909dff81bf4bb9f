import { settleObligations } from '#libs/catalog/testing';
import { newFileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { deleteAndApply, openApplyBench, putAndApply, putDraft, REPLICA_ID } from '../testing/src/index.js';

describe('apply', () => {
  it('writes the manifest byte for byte as the log has it, the row, and what is owed', async () => {
    await using bench = await openApplyBench();
    const fileId = newFileId(1);
    const frame = await bench.wal.append(putDraft(fileId, 'hello'));
    await bench.applier.applied(frame.lsn);
    expect(await bench.primary.get({ kind: 'manifest', id: fileId })).toEqual(frame.bytes);
    expect(bench.catalog.findFile(fileId)).toMatchObject({ fileName: 'hello', lsn: frame.lsn, logId: bench.wal.logId });
    expect(bench.catalog.obligationsOf(fileId)).toEqual([{ storeId: REPLICA_ID, want: 'present', state: 'pending' }]);
    expect(bench.catalog.appliedLsn(bench.wal.logId)).toBe(frame.lsn);
  });

  it('of a delete leaves a tombstone and no manifest', async () => {
    await using bench = await openApplyBench();
    const fileId = await putAndApply(bench, 'hello');
    await deleteAndApply(bench, fileId);
    expect(await bench.primary.has({ kind: 'manifest', id: fileId })).toBeUndefined();
    expect(await bench.primary.has({ kind: 'tombstone', id: fileId })).toBeGreaterThan(0);
    expect(bench.catalog.findFile(fileId)).toBeUndefined();
    expect(bench.catalog.obligationsOf(fileId)).toEqual([{ storeId: REPLICA_ID, want: 'absent', state: 'pending' }]);
  });

  it('writes the tombstone before it removes the manifest', async () => {
    await using bench = await openApplyBench();
    const fileId = await putAndApply(bench, 'hello');
    const order: string[] = [];
    bench.fs.onBoundary(({ operation, path }) => {
      if (path.endsWith(fileId) && (operation === 'replaceFile' || operation === 'unlink')) order.push(operation);
    });
    await deleteAndApply(bench, fileId);
    expect(order.lastIndexOf('replaceFile')).toBeLessThan(order.indexOf('unlink'));
  });

  it('repeated over the same records changes nothing, and gives no obligation twice', async () => {
    await using bench = await openApplyBench();
    const kept = await putAndApply(bench, 'kept');
    const deleted = await putAndApply(bench, 'deleted');
    await deleteAndApply(bench, deleted);
    const frames = await Array.fromAsync(bench.wal.read(), ({ frame }) => frame);
    const tree = bench.fs.tree();
    await bench.applier.replay(frames);
    expect(bench.fs.tree()).toEqual(tree);
    expect(bench.catalog.findFile(kept)).toBeDefined();
    expect(bench.catalog.findFile(deleted)).toBeUndefined();
  });

  it('of records below the applied LSN takes it back by nothing', async () => {
    await using bench = await openApplyBench();
    for (const text of ['a', 'b', 'c']) await putAndApply(bench, text);
    const frames = await Array.fromAsync(bench.wal.read(), ({ frame }) => frame);
    await bench.applier.replay(frames.slice(0, 2));
    expect(bench.catalog.appliedLsn(bench.wal.logId)).toBe(3);
  });

  it('of a batch that the catalog has the first part of gives no order again', async () => {
    await using bench = await openApplyBench();
    const copied = await putAndApply(bench, 'copied');
    settleObligations(bench.catalogPath);
    // Committed, but not applied any more.
    bench.wal.listen({ committed: () => undefined, checkpointWanted: () => undefined });
    const fresh = newFileId(1);
    await bench.wal.append(putDraft(fresh, 'fresh'));
    const frames = await Array.fromAsync(bench.wal.read(), ({ frame }) => frame);
    await bench.applier.replay(frames);
    expect(bench.catalog.obligationsOf(copied)).toMatchObject([{ want: 'present', state: 'done' }]);
    expect(bench.catalog.obligationsOf(fresh)).toMatchObject([{ want: 'present', state: 'pending' }]);
  });

  it('halted by a full disk tells its waiters, tries again, and goes on in order', async () => {
    await using bench = await openApplyBench();
    bench.fs.failNext({ operation: 'replaceFile', errorCode: 'ENOSPC', times: 2 });
    const first = newFileId(1);
    const second = newFileId(1);
    const frames = await Promise.all([
      bench.wal.append(putDraft(first, 'first')),
      bench.wal.append(putDraft(second, 'second')),
    ]);
    await expect(bench.applier.applied(frames[1].lsn)).rejects.toMatchObject({
      code: 'outcome_unknown',
      context: { lsn: frames[1].lsn },
    });
    expect(bench.applier.halted).toBe(true);
    expect(bench.catalog.findFile(first)).toBeUndefined();
    await expect.poll(() => bench.applier.appliedLsn).toBe(frames[1].lsn);
    expect(bench.applier.halted).toBe(false);
    expect(bench.catalog.findFile(second)).toBeDefined();
  });
});
