/** `WAL_RETAIN`: sealed segments that stay behind the checkpoint, to be looked at, and never in anybody's way. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';
import type { TestLogOptions } from '../testing/src/index.js';
import type { WriteAheadLog } from './write-ahead-log.js';

/** One record a segment of 4,096 bytes: segment n starts with LSN n. */
const RECORD_BYTES = 3000;

async function filledLog(fs: CrashFileSystem, records: number, options: TestLogOptions): Promise<WriteAheadLog> {
  const log = await openTestLog(fs, options);
  for (let index = 1; index <= records; index += 1) await log.append(textDraft(`r${index}`, RECORD_BYTES));
  return log;
}

const firstLsns = (log: WriteAheadLog): number[] => log.segments().map(({ firstLsn }) => firstLsn);
const segmentFiles = (fs: CrashFileSystem): string[] => Object.keys(fs.tree()).filter((path) => path.endsWith('.wal'));

describe('segments at or below the checkpoint', () => {
  it.each([
    [0, [6, 7]],
    [2, [4, 5, 6, 7]],
    [1000, [1, 2, 3, 4, 5, 6, 7]],
  ])('are kept as far as retention says, the newest: %i', async (retainSegments, kept) => {
    const fs = new CrashFileSystem();
    // The checkpoint's own record still fits into segment 7.
    const log = await filledLog(fs, 7, { retainSegments });
    await log.checkpoint(lsn(5));
    expect(firstLsns(log)).toEqual(kept);
    expect(segmentFiles(fs)).toEqual(log.segments().map(({ path }) => path));
    expect(await readTexts(log)).toEqual(kept.map((first) => `r${first}`));
  });

  it('do not count where the checkpoint ends within them: those are not kept but needed', async () => {
    const log = await filledLog(new CrashFileSystem(), 7, { retainSegments: 1 });
    await log.checkpoint(lsn(2));
    await log.checkpoint(lsn(3));
    expect(firstLsns(log)).toEqual([3, 4, 5, 6, 7]);
  });

  it('are there after a restart, are read, and are not replayed', async () => {
    const fs = new CrashFileSystem();
    const before = await filledLog(fs, 7, { retainSegments: 2 });
    await before.checkpoint(lsn(5));
    await before.close();
    const after = await openTestLog(fs, { retainSegments: 2 });
    expect(firstLsns(after)).toEqual([4, 5, 6, 7]);
    expect(after.oldestLsn).toBe(4);
    expect(await readTexts(after)).toEqual(['r4', 'r5', 'r6', 'r7']);
    expect(await readTexts(after, after.checkpointLsn)).toEqual(['r6', 'r7']);
  });

  it('go at the next checkpoint of a start that keeps fewer', async () => {
    const fs = new CrashFileSystem();
    const before = await filledLog(fs, 7, { retainSegments: 3 });
    await before.checkpoint(lsn(5));
    await before.close();
    const after = await openTestLog(fs, { retainSegments: 1 });
    await after.removeSegments();
    expect(firstLsns(after)).toEqual([5, 6, 7]);
  });

  it('go at once where the log is over its size limit: no writer waits for them, nor asks for a checkpoint', async () => {
    const fs = new CrashFileSystem();
    const log = await filledLog(fs, 5, { retainSegments: 1000, maxSizeBytes: 6 * 4096, fullWaitMs: 0 });
    await log.checkpoint(lsn(5));
    let wanted = 0;
    for (let index = 6; index <= 9; index += 1) {
      await log.append(textDraft(`r${index}`, RECORD_BYTES));
      log.listen({ committed: () => undefined, checkpointWanted: () => (wanted += 1) });
    }
    expect(firstLsns(log).slice(-1)).toEqual([10]);
    // One a rotation, and no more: a wait would have asked again.
    expect(wanted).toBeLessThanOrEqual(3);
    const bytes = log.segments().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(bytes).toBeLessThanOrEqual(7 * 4096);
    expect(log.oldestLsn).toBeGreaterThan(1);
    expect(log.oldestLsn).toBeLessThanOrEqual(5);
  });
});

describe('a log over its size limit', () => {
  it('keeps the segment that the checkpoint ends within, and lets writers wait instead', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs, { maxSizeBytes: 2 * 4096 });
    for (let index = 1; index <= 5; index += 1) await log.append(textDraft(`r${index}`, 1000));
    await log.checkpoint(lsn(2));
    await expect(
      log.append(textDraft('full', 3000)).then(() => log.append(textDraft('x', 3000))),
    ).rejects.toMatchObject({ code: 'log_full' });
    expect(log.oldestLsn).toBe(1);
    expect(await readTexts(log, lsn(2))).toEqual(['r3', 'r4', 'r5', 'full']);
  });
});

describe('a reader of the log while a checkpoint lets segments go', () => {
  it('goes on with the oldest segment that is left', async () => {
    const log = await filledLog(new CrashFileSystem(), 8, {});
    const reader = log.read();
    expect((await reader.next()).value?.frame.lsn).toBe(1);
    await log.checkpoint(lsn(5));
    const rest: number[] = [];
    for await (const { frame } of reader) rest.push(frame.lsn);
    // What it held open it could still read; the checkpoint's own record came after the reading had begun.
    expect(rest).toEqual([6, 7, 8]);
    expect(log.oldestLsn).toBe(6);
  });

  it('is told when a segment is gone that no checkpoint covers', async () => {
    const fs = new CrashFileSystem();
    const log = await filledLog(fs, 4, {});
    const reader = log.read();
    await reader.next();
    await fs.unlink(log.segments()[1]!.path);
    await expect(reader.next()).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('gets no header of a segment that is gone', async () => {
    const log = await filledLog(new CrashFileSystem(), 4, {});
    const [oldest] = log.segments();
    expect(await log.header(oldest!.path)).toMatchObject({ firstLsn: 1 });
    await log.checkpoint(lsn(3));
    expect(await log.header(oldest!.path)).toBeUndefined();
  });
});

describe('removals asked for at once', () => {
  it('do not remove one segment twice', async () => {
    const fs = new CrashFileSystem();
    const log = await filledLog(fs, 7, { retainSegments: 1000 });
    await log.checkpoint(lsn(5));
    await log.close();
    const after = await openTestLog(fs);
    await Promise.all([after.removeSegments(), after.removeSegments()]);
    expect(firstLsns(after)).toEqual([6, 7]);
  });
});
