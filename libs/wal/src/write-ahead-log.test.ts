import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import type { Frame } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';

const names = (count: number, prefix = 'r'): string[] =>
  Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe('a log', () => {
  it('gives back what was appended, in order, with consecutive LSNs', async () => {
    const log = await openTestLog(new CrashFileSystem());
    const frames = await Promise.all(names(50).map((name) => log.append(textDraft(name))));
    expect(frames.map((frame) => frame.lsn)).toEqual(frames.map((_frame, index) => index + 1));
    expect(await readTexts(log)).toEqual(names(50));
    expect(await readTexts(log, lsn(48))).toEqual(['r48', 'r49']);
  });

  it('answers many appends with few barriers', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs, { segmentSizeBytes: 65_536 });
    let barriers = 0;
    fs.onBoundary(({ operation }) => {
      if (operation === 'dataSync') barriers += 1;
    });
    await Promise.all(names(100).map((name) => log.append(textDraft(name))));
    expect(barriers).toBe(1);
  });

  it('tells its listener of every record before the caller, in order', async () => {
    const log = await openTestLog(new CrashFileSystem());
    const committed: Frame[] = [];
    log.listen({ committed: (frames) => committed.push(...frames), checkpointWanted: () => undefined });
    await Promise.all(
      names(20).map(async (name) => {
        const frame = await log.append(textDraft(name));
        expect(committed).toContain(frame);
      }),
    );
    expect(committed.map((frame) => frame.lsn)).toEqual(names(20).map((_name, index) => index + 1));
  });

  it('goes on in a new segment when one is full, and reads across the border', async () => {
    const log = await openTestLog(new CrashFileSystem());
    for (const name of names(40)) await log.append(textDraft(name, 300));
    const segments = log.segments();
    expect(segments.length).toBeGreaterThan(3);
    expect(segments.map(({ state }) => state)).toEqual([...segments.slice(1).map(() => 'sealed'), 'active']);
    segments.slice(1).forEach((segment, index) => expect(segment.firstLsn).toBe(segments[index]!.lastLsn + 1));
    expect(await readTexts(log)).toEqual(names(40));
  });

  it('takes no more into a batch than fits into one segment', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await Promise.all(names(40).map((name) => log.append(textDraft(name, 300))));
    expect(log.segments().length).toBeGreaterThan(3);
    // A frame behind the end of its file would make the file longer.
    for (const { path } of log.segments()) expect(fs.tree()[path]).toBe(4096);
    await log.close();
    expect(await readTexts(await openTestLog(fs))).toEqual(names(40));
  });

  it('has the zeros of a segment on the disk before a rotation needs it', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    const operations: string[] = [];
    fs.onBoundary(({ operation, path }) => {
      if (path.endsWith('next.tmp')) operations.push(operation);
    });
    await log.append(textDraft('more than half', 2500));
    // The active segment was opened under the same name: what it does comes before.
    const made = (): string[] => operations.slice(operations.indexOf('create'));
    await expect.poll(made).toEqual(['create', 'write', 'dataSync']);
    await log.append(textDraft('rotates', 2500));
    expect(made().slice(0, 5)).toEqual(['create', 'write', 'dataSync', 'write', 'dataSync']);
  });

  it('that starts above LSN 1 opens again', async () => {
    const fs = new CrashFileSystem();
    const before = await openTestLog(fs, { firstLsn: lsn(41) });
    expect((await before.append(textDraft('first'))).lsn).toBe(41);
    await before.close();
    const after = await openTestLog(fs);
    expect(after.checkpointLsn).toBe(40);
    expect(await readTexts(after)).toEqual(['first']);
  });

  it('makes a segment as large as a record needs', async () => {
    const log = await openTestLog(new CrashFileSystem());
    await log.append(textDraft('small'));
    await log.append(textDraft('large', 100_000));
    await log.append(textDraft('after'));
    expect(await readTexts(log)).toEqual(['small', 'large', 'after']);
  });

  it('goes on after a restart, above the last LSN', async () => {
    const fs = new CrashFileSystem();
    const before = await openTestLog(fs);
    for (const name of names(30)) await before.append(textDraft(name, 200));
    await before.close();
    const after = await openTestLog(fs);
    expect(after.logId).toBe(before.logId);
    expect((await after.append(textDraft('next'))).lsn).toBe(31);
    expect(await readTexts(after)).toEqual([...names(30), 'next']);
  });

  it('removes segments behind a checkpoint, oldest first, and starts behind it after a restart', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    for (const name of names(40)) await log.append(textDraft(name, 300));
    await log.checkpoint(lsn(25));
    expect(log.oldestLsn).toBeGreaterThan(1);
    expect(log.oldestLsn).toBeLessThanOrEqual(26);
    expect(Object.keys(fs.durableTree()).filter((path) => path.endsWith('.wal'))).toEqual(
      log.segments().map(({ path }) => path),
    );
    await log.close();
    const reopened = await openTestLog(fs);
    expect(reopened.checkpointLsn).toBe(25);
    expect(await readTexts(reopened, reopened.checkpointLsn)).toEqual(names(40).slice(25));
  });

  it('at its size limit waits for a checkpoint, then refuses with log_full', async () => {
    const log = await openTestLog(new CrashFileSystem(), { maxSizeBytes: 4 * 4096 });
    let wanted = 0;
    log.listen({ committed: () => undefined, checkpointWanted: () => (wanted += 1) });
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 100; index += 1) await log.append(textDraft('x', 500));
    };
    await expect(fill()).rejects.toMatchObject({ code: 'log_full', retryable: true });
    expect(wanted).toBeGreaterThan(0);
    const waiting = log.append(textDraft('waited'));
    await log.checkpoint(log.committedLsn);
    await expect(waiting).resolves.toBeDefined();
  });

  it('asks for another checkpoint where the one that it waited for made no room', async () => {
    const log = await openTestLog(new CrashFileSystem(), { maxSizeBytes: 3 * 4096, fullWaitMs: 2000 });
    let asked = 0;
    // The first two answers come from checkpoints that were chosen too early.
    const checkpointWanted = (): void => {
      asked += 1;
      if (asked > 2) void log.checkpoint(log.committedLsn);
    };
    for (let index = 0; index < 13; index += 1) await log.append(textDraft('x', 900));
    log.listen({ committed: () => undefined, checkpointWanted });
    await log.append(textDraft('waited', 900));
    expect(asked).toBeGreaterThan(2);
  });

  it('takes a record larger than its size limit, and the ones after it', async () => {
    const log = await openTestLog(new CrashFileSystem(), { maxSizeBytes: 2 * 4096 });
    await log.append(textDraft('large', 20_000));
    // No checkpoint could remove the active segment, so there is nothing to wait for.
    await log.append(textDraft('after'));
    await log.checkpoint(log.committedLsn);
    await log.append(textDraft('at last'));
    expect((await readTexts(log)).slice(-1)).toEqual(['at last']);
  });

  it('survives a first record that does not fit into the first segment, and a checkpoint behind it', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('large', 20_000));
    await log.checkpoint(log.committedLsn);
    await log.append(textDraft('after'));
    await log.close();
    expect(await readTexts(await openTestLog(fs))).toContain('after');
  });

  it('removes later what it could not remove at the checkpoint', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    for (const name of names(40)) await log.append(textDraft(name, 300));
    fs.failNext({ operation: 'unlink', errorCode: 'EIO' });
    await expect(log.checkpoint(lsn(25))).rejects.toMatchObject({ code: 'EIO' });
    expect(log.checkpointLsn).toBe(25);
    await log.removeSegments();
    expect(log.oldestLsn).toBeGreaterThan(1);
  });

  it('refuses appends once closed', async () => {
    const log = await openTestLog(new CrashFileSystem());
    await log.close();
    await expect(log.append(textDraft('late'))).rejects.toMatchObject({ code: 'shutting_down' });
  });
});

describe('a log whose disk fails', () => {
  it('is poisoned by a failed fdatasync: nothing is acknowledged, nothing is appended, reads go on', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('kept'));
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(log.append(textDraft('unknown'))).rejects.toMatchObject({
      code: 'outcome_unknown',
      context: { lsn: 2, log_id: log.logId },
    });
    const operations = fs.operationCount;
    await expect(log.append(textDraft('refused'))).rejects.toMatchObject({ code: 'log_poisoned' });
    expect(fs.operationCount).toBe(operations);
    expect(log.poisoned).toBe(true);
    expect(await readTexts(log)).toEqual(['kept']);
  });

  it('cuts a failed write back, durably, and goes on with the same LSN', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('kept'));
    fs.failNext({ operation: 'write', errorCode: 'ENOSPC', writtenBytes: 70 });
    await expect(log.append(textDraft('refused', 600))).rejects.toMatchObject({ code: 'disk_reserve' });
    expect((await log.append(textDraft('next'))).lsn).toBe(2);
    fs.halt();
    expect(await readTexts(await openTestLog(fs.killed()))).toEqual(['kept', 'next']);
  });

  it('has no trace of a refused record in any state that a power cut after the refusal can leave', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('kept'));
    // All bytes arrive, and yet the write fails.
    fs.failNext({ operation: 'write', errorCode: 'EIO', writtenBytes: 664 });
    await expect(log.append(textDraft('refused', 600))).rejects.toMatchObject({ code: 'log_write_failed' });
    for (const { label, fileSystem } of crashStates(fs.snapshot())) {
      expect(await readTexts(await openTestLog(fileSystem)), label).toEqual(['kept']);
    }
  });

  it('is poisoned when a failed write cannot be cut back', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    fs.failNext({ operation: 'write', errorCode: 'EIO', times: 2 });
    await expect(log.append(textDraft('unknown'))).rejects.toMatchObject({ code: 'outcome_unknown' });
    expect(log.poisoned).toBe(true);
  });

  it('refuses writes while there is no room for a new segment, and goes on when there is', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('kept', 3000));
    // The segment made ahead, and the one asked for.
    fs.failNext({ operation: 'create', errorCode: 'ENOSPC', times: 2 });
    await expect(log.append(textDraft('refused', 3000))).rejects.toMatchObject({ code: 'disk_reserve' });
    fs.clearFaults();
    expect((await log.append(textDraft('next', 3000))).lsn).toBe(2);
    expect(await readTexts(log)).toEqual(['kept', 'next']);
  });

  it('is poisoned when a rotation fails after the new name may be durable', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    await log.append(textDraft('kept', 3000));
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    await expect(log.append(textDraft('refused', 3000))).rejects.toMatchObject({ code: 'log_poisoned' });
    fs.halt();
    expect(await readTexts(await openTestLog(fs.killed()))).toEqual(['kept']);
  });
});
