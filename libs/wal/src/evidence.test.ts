/** What counts as evidence when a log is opened, and what is refused because it cannot be what it seems. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { checkpointDraft, decodeFrame, encodeFrame, frameChecksum, frameLength, lsn, newUuid } from '#libs/kernel';
import type { FrameFields, LogId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  closedLog,
  damage,
  flipped,
  FRAME_BYTES,
  HEADER_BYTES,
  RECORD_BYTES,
  segmentPath,
  TEXTS,
  zeroed,
} from '../testing/src/damaged-log.js';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';
import { scanSegment } from './segment-scan.js';
import { decodeSegmentHeader } from './segment-header.js';

/** A frame behind the last one of `closedLog`, as its next one would be but for `changes`. */
async function nextFrame(fs: CrashFileSystem, changes: Partial<FrameFields>): Promise<Buffer> {
  const bytes = await fs.readFile(segmentPath(7));
  const header = decodeSegmentHeader(bytes);
  const last = decodeFrame(bytes, HEADER_BYTES + FRAME_BYTES);
  if (!header.ok || !last.ok) throw new Error('the log is not as this test expects');
  const { logId, endMark } = header.header;
  const fields = { prev: last.frame.checksum, type: 1, flags: 0, lsn: lsn(9), durableLsn: lsn(8), logId, endMark };
  const frame = Buffer.alloc(frameLength(5));
  encodeFrame(frame, 0, { ...fields, ...changes }, [Buffer.from('stray')]);
  return frame;
}

const behindTheLast = (bytes: Buffer) => ({ segment: 7, frame: 2, from: 0, bytes });

describe('a frame behind the last one', () => {
  it('is read where it is the next of this log', async () => {
    const fs = await closedLog();
    await damage(fs, behindTheLast(await nextFrame(fs, {})));
    expect(await readTexts(await openTestLog(fs))).toEqual([...TEXTS, 'stray']);
  });

  it('of another log with the same end mark is no part of this one', async () => {
    const fs = await closedLog();
    await damage(fs, behindTheLast(await nextFrame(fs, { logId: newUuid<LogId>() })));
    expect(await readTexts(await openTestLog(fs))).toEqual(TEXTS);
  });

  it('with a record type of the future refuses', async () => {
    const fs = await closedLog();
    await damage(fs, behindTheLast(await nextFrame(fs, { type: 77 })));
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'future_format',
      context: { offset_bytes: HEADER_BYTES + 2 * FRAME_BYTES },
    });
  });

  it('of a version of the future refuses', async () => {
    const fs = await closedLog();
    const frame = await nextFrame(fs, {});
    frame.writeUInt32LE(2, 52);
    frame.writeUInt32LE(frameChecksum(frame.subarray(4)), 0);
    await damage(fs, behindTheLast(frame));
    const tree = fs.tree();
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'future_format' });
    expect(fs.tree()).toEqual(tree);
  });
});

describe('what was promised', () => {
  const DURABLE: readonly [string, readonly Parameters<typeof damage>[1][], number][] = [
    ['by the segment that follows', [flipped(7, 0, 300), zeroed(7, 1, 0, FRAME_BYTES)], 6],
    ['by the frames before', [flipped(7, 1, 300)], 6],
    ['by a frame behind', [flipped(7, 0, 300)], 7],
  ];

  it.each(DURABLE)('is told to whoever has to repair the log: %s', async (_by, harms, durableLsn) => {
    const fs = await closedLog();
    for (const harm of harms) await damage(fs, harm);
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { durable_lsn: durableLsn },
    });
  });

  it('is told also where all of the log is one segment', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs, { segmentSizeBytes: 8192 });
    for (const text of ['a', 'b', 'c', 'd']) await log.append(textDraft(text, RECORD_BYTES));
    await log.close();
    expect(await scanSegment(fs, segmentPath(1))).toMatchObject({ scan: { lastLsn: 4, durableLsn: 3 } });
    await damage(fs, flipped(1, 3, 300));
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { lsn: 4, durable_lsn: 2 } });
  });

  it('by a checkpoint above the end of the log refuses: records are missing', async () => {
    const fs = await closedLog();
    const log = await openTestLog(fs);
    await log.append(checkpointDraft({ checkpointLsn: lsn(20) }));
    await log.close();
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { lsn: 10, durable_lsn: 20 },
    });
  });
});

describe('a log whose files were touched', () => {
  it('refuses when the oldest segment is gone and no checkpoint says why', async () => {
    const fs = await closedLog();
    await fs.unlink(segmentPath(1));
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      message: expect.stringContaining('lacks LSN 1 to 3'),
      context: { path: segmentPath(4), lsn: 1, expected: 1, actual: 4 },
    });
  });

  it('refuses a segment that was renamed', async () => {
    const fs = await closedLog();
    await fs.rename(segmentPath(7), segmentPath(8));
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { path: segmentPath(8) } });
  });

  it('refuses a segment of another log among its own', async () => {
    const fs = await closedLog();
    const bytes = await (await closedLog()).readFile(segmentPath(7));
    await damage(fs, { segment: 7, frame: -1, from: 0, bytes: Buffer.from(bytes) });
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_mismatch', context: { path: segmentPath(7) } });
  });
});

describe('a checkpoint that only the page cache has', () => {
  it('takes no segment with it before it is on the disk', async () => {
    const fs = await closedLog();
    const log = await openTestLog(fs);
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(log.checkpoint(lsn(6))).rejects.toMatchObject({ code: 'outcome_unknown' });
    // The process ends; the next one reads the checkpoint from the cache, and finds a gap below it.
    const sameBoot = fs.killed();
    await damage(sameBoot, flipped(4, 1, 300));
    const snapshots: DiskSnapshot[] = [];
    sameBoot.onBoundary(() => snapshots.push(sameBoot.snapshot()));
    const reopened = await openTestLog(sameBoot);
    expect(reopened.checkpointLsn).toBe(6);
    expect(reopened.oldestLsn).toBe(7);
    for (const [cut, snapshot] of snapshots.entries()) {
      for (const { label, fileSystem } of crashStates(snapshot, { limit: 20, seed: cut })) {
        const reading = await scanSegment(fileSystem, segmentPath(7));
        const isCovered = reading.ok && reading.scan.checkpointLsn === 6;
        const isThere = (await fileSystem.stat(segmentPath(1))) !== undefined;
        expect(isCovered || isThere, `cut ${cut}, ${label}`).toBe(true);
      }
    }
  });
});
