import { settleObligations } from '#libs/catalog/testing';
import { newFileId } from '#libs/kernel';
import type { Frame } from '#libs/kernel';
import { describe, expect, it, vi } from 'vitest';
import { deleteAndApply, openApplyBench, putAndApply, putDraft, REPLICA_ID } from '../testing/src/index.js';
import type { ApplyBench } from '../testing/src/index.js';

describe('apply', () => {
  it('writes the manifest byte for byte as the log has it, the row, and what is owed', async () => {
    await using bench = await openApplyBench();
    const fileId = newFileId(1);
    const frame = await bench.wal.append(putDraft(fileId, 'hello'));
    await bench.applier.applied(frame.lsn);
    expect(await bench.primary.get({ kind: 'manifest', id: fileId })).toEqual(frame.bytes);
    expect(bench.catalog.findFile(fileId)).toMatchObject({ fileName: 'hello', lsn: frame.lsn, logId: bench.wal.logId });
    expect(bench.catalog.obligations.of(fileId)).toMatchObject([
      { storeId: REPLICA_ID, want: 'present', state: 'pending' },
    ]);
    expect(bench.catalog.appliedLsn(bench.wal.logId)).toBe(frame.lsn);
  });

  it('of a delete leaves a tombstone and no manifest', async () => {
    await using bench = await openApplyBench();
    const fileId = await putAndApply(bench, 'hello');
    await deleteAndApply(bench, fileId);
    expect(await bench.primary.has({ kind: 'manifest', id: fileId })).toBeUndefined();
    expect(await bench.primary.has({ kind: 'tombstone', id: fileId })).toBeGreaterThan(0);
    expect(bench.catalog.findFile(fileId)).toBeUndefined();
    expect(bench.catalog.obligations.of(fileId)).toMatchObject([
      { storeId: REPLICA_ID, want: 'absent', state: 'pending' },
    ]);
  });

  it('writes the tombstone before it removes the manifest', async () => {
    await using bench = await openApplyBench();
    const fileId = await putAndApply(bench, 'hello');
    const order: string[] = [];
    bench.fs.onBoundary(({ operation, path }) => {
      if (path.includes(fileId) && (operation === 'replaceFile' || operation === 'rename')) order.push(operation);
    });
    await deleteAndApply(bench, fileId);
    expect(order.lastIndexOf('replaceFile')).toBeLessThan(order.indexOf('rename'));
    expect(order).toContain('rename');
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
    expect(bench.catalog.obligations.of(copied)).toMatchObject([{ want: 'present', state: 'done' }]);
    expect(bench.catalog.obligations.of(fresh)).toMatchObject([{ want: 'present', state: 'pending' }]);
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

describe('apply, while the primary is still given the next batch', () => {
  /** More than any backoff of the first attempts. */
  const SLOW_MS = 400;

  /** Committed, and not applied: for the test to hand over. */
  async function committed({ wal }: ApplyBench, count: number): Promise<Frame[]> {
    wal.listen({ committed: () => undefined, checkpointWanted: () => undefined });
    const fileIds = Array.from({ length: count }, () => newFileId(1));
    return Promise.all(fileIds.map((fileId, index) => wal.append(putDraft(fileId, `file ${index}`))));
  }

  /** Notes when each write of a batch begins and ends; the second one is slow. */
  function watchWrites({ primary }: ApplyBench, method: 'writeAll' | 'refreshAll'): string[] {
    const events: string[] = [];
    const write = primary.applied[method].bind(primary.applied);
    let count = 0;
    vi.spyOn(primary.applied, method).mockImplementation(async (objects) => {
      const number = (count += 1);
      events.push(`write ${number} begins`);
      if (number === 2) await new Promise((resolve) => setTimeout(resolve, SLOW_MS));
      await write(objects);
      events.push(`write ${number} ends`);
    });
    return events;
  }

  it('tries a failed batch again only when that write has ended', async () => {
    await using bench = await openApplyBench();
    const frames = await committed(bench, 20);
    const events = watchWrites(bench, 'writeAll');
    vi.spyOn(bench.catalog, 'apply').mockImplementationOnce(() => {
      throw new Error('database or disk is full');
    });
    bench.applier.enqueue(frames);
    await expect.poll(() => bench.applier.appliedLsn, { timeout: 10_000 }).toBe(frames.at(-1)!.lsn);
    const ordered = ['write 2 ends', 'write 3 begins'];
    expect(events.filter((event) => ordered.includes(event))).toEqual(ordered);
  });

  it('stops only when that write has ended', async () => {
    await using bench = await openApplyBench();
    const frames = await committed(bench, 20);
    const events = watchWrites(bench, 'writeAll');
    let stopped: Promise<unknown> | undefined;
    vi.spyOn(bench.catalog, 'apply').mockImplementationOnce(() => {
      stopped = bench.applier.stop().then(() => events.push('stopped'));
    });
    bench.applier.enqueue(frames);
    await expect.poll(() => stopped).toBeDefined();
    await stopped;
    expect(events.slice(-2)).toEqual(['write 2 ends', 'stopped']);
  });

  it('fails a replay only when that write has ended', async () => {
    await using bench = await openApplyBench();
    const [frame] = await committed(bench, 1);
    const events = watchWrites(bench, 'refreshAll');
    vi.spyOn(bench.catalog, 'apply').mockImplementationOnce(() => {
      throw new Error('database or disk is full');
    });
    // Three batches of a replay.
    const replaying = bench.applier.replay(Array.from({ length: 5000 }, () => frame!));
    await expect(replaying.finally(() => events.push('refused'))).rejects.toThrow('disk is full');
    expect(events.slice(-2)).toEqual(['write 2 ends', 'refused']);
  });
});
