/** Named damages, each with what opening the log makes of it. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { decodeFrame, encodeFrame, frameChecksum, frameLength, lsn, NO_LSN } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  checkpointedLog,
  closedLog,
  damage,
  flipped,
  FRAME_BYTES,
  HEADER_BYTES,
  SEGMENTS,
  TEXTS,
  zeroed,
} from '../testing/src/damaged-log.js';
import type { Damage } from '../testing/src/damaged-log.js';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';
import { segmentName } from './log-layout.js';
import { decodeSegmentHeader, encodeSegmentHeader } from './segment-header.js';

describe('a damaged log', () => {
  const REFUSED: readonly [string, Damage, ErrorCode, { segment: number; frame: number; lsn: number }][] = [
    ['a byte flipped in the first record', flipped(1, 0, 300), 'log_corrupt', { segment: 1, frame: 0, lsn: 1 }],
    ['a byte flipped in a sealed segment', flipped(4, 1, 300), 'log_corrupt', { segment: 4, frame: 1, lsn: 5 }],
    [
      'a record of a sealed segment zeroed',
      zeroed(4, 2, 0, FRAME_BYTES),
      'log_corrupt',
      { segment: 7, frame: -1, lsn: 6 },
    ],
    [
      'a sector missing in a record that a later one proves durable',
      zeroed(7, 0, 384, 512),
      'log_corrupt',
      { segment: 7, frame: 0, lsn: 7 },
    ],
    ['a record that a later one proves durable', flipped(7, 0, 300), 'log_corrupt', { segment: 7, frame: 0, lsn: 7 }],
    // Nothing follows it: its end mark stands, no sector of it is zero, and yet the checksum differs.
    ['rot in the last acknowledged frame', flipped(7, 1, 300), 'log_corrupt', { segment: 7, frame: 1, lsn: 8 }],
  ];

  it.each(REFUSED)('refuses: %s', async (_what, harm, code, where) => {
    const fs = await closedLog();
    await damage(fs, harm);
    const tree = fs.tree();
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code,
      context: {
        path: `${SEGMENTS}/${segmentName(lsn(where.segment))}`,
        offset_bytes: where.frame < 0 ? 0 : HEADER_BYTES + where.frame * FRAME_BYTES,
        lsn: where.lsn,
      },
    });
    expect(fs.tree()).toEqual(tree);
  });

  it.each([1, 4, 7])('refuses a header that does not hold, above the checkpoint: segment %i', async (segment) => {
    const fs = await closedLog();
    await damage(fs, flipped(segment, -1, 50));
    const path = `${SEGMENTS}/${segmentName(lsn(segment))}`;
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { path } });
  });

  it('refuses a version of the future', async () => {
    const fs = await closedLog();
    const path = `${SEGMENTS}/${segmentName(lsn(1))}`;
    const header = Buffer.from((await fs.readFile(path)).subarray(0, HEADER_BYTES));
    header.writeUInt32LE(2, 8);
    header.writeUInt32LE(frameChecksum(header.subarray(0, 124)), 124);
    await damage(fs, { segment: 1, frame: -1, from: 0, bytes: header });
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'future_format' });
  });

  const TORN: readonly [string, Damage, number][] = [
    ['a sector of the last record that never reached the disk', zeroed(7, 1, 344, 512), 7],
    ['the last record without its end', zeroed(7, 1, 600, FRAME_BYTES - 600), 7],
    ['a length that no frame has', { segment: 7, frame: 1, from: 8, bytes: Buffer.from([3, 0, 0, 0]) }, 7],
  ];

  it.each(TORN)('sets aside: %s', async (_what, harm, survivors) => {
    const fs = await closedLog();
    await damage(fs, harm);
    const log = await openTestLog(fs);
    expect(await readTexts(log)).toEqual(TEXTS.slice(0, survivors));
    expect(Object.keys(fs.tree()).filter((path) => path.endsWith('.torn'))).toHaveLength(1);
    expect((await log.append(textDraft('again'))).lsn).toBe(survivors + 1);
    await log.close();
    expect(await readTexts(await openTestLog(fs))).toEqual([...TEXTS.slice(0, survivors), 'again']);
  });

  it('refuses a torn record that has been applied', async () => {
    const fs = await closedLog();
    await damage(fs, zeroed(7, 1, 600, FRAME_BYTES - 600));
    await expect(openTestLog(fs, { applied: lsn(8) })).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { lsn: 8 },
    });
  });

  it('refuses a log that ends before what has been applied', async () => {
    const fs = await closedLog();
    await expect(openTestLog(fs, { applied: lsn(9) })).rejects.toMatchObject({
      code: 'log_behind',
      context: { log_last_lsn: 8, applied_lsn: 9 },
    });
  });

  it('is not fooled by a frame inside a payload that claims a high durable LSN', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    const forged = Buffer.alloc(frameLength(8));
    const fields = {
      prev: 0,
      type: 1,
      flags: 0,
      lsn: lsn(99),
      durableLsn: lsn(98),
      logId: log.logId,
      endMark: 'ff'.repeat(8),
    };
    encodeFrame(forged, 0, fields, [Buffer.alloc(8)]);
    await log.append(textDraft('kept'));
    await log.append({
      type: 'upload_begin',
      flags: 0,
      payloadParts: [Buffer.alloc(1024), forged, Buffer.alloc(512, 1)],
    });
    await log.close();
    // The end of the carrying frame is lost; the forged one within it is whole.
    const carrierStart = HEADER_BYTES + frameLength(4);
    const file = await fs.openWrite(`${SEGMENTS}/${segmentName(lsn(1))}`);
    await file.write(Buffer.alloc(256), carrierStart + 56 + 1024 + forged.length + 256);
    expect(await readTexts(await openTestLog(fs))).toEqual(['kept']);
  });
});

describe('a frame that verifies but does not follow', () => {
  const PLACES: readonly [string, { readonly lsn: number; readonly prev: 'right' | 'wrong' }][] = [
    ['with an LSN that was given before', { lsn: 8, prev: 'right' }],
    ['with an LSN that skips one', { lsn: 10, prev: 'right' }],
    ['with another predecessor', { lsn: 9, prev: 'wrong' }],
  ];

  it.each(PLACES)('%s is no part of the log', async (_how, place) => {
    const fs = await closedLog();
    const path = `${SEGMENTS}/${segmentName(lsn(7))}`;
    const bytes = await fs.readFile(path);
    const header = decodeSegmentHeader(bytes);
    const last = decodeFrame(bytes, HEADER_BYTES + FRAME_BYTES);
    if (!header.ok || !last.ok) throw new Error('the log is not as this test expects');
    const stray = Buffer.alloc(frameLength(5));
    const { logId, endMark } = header.header;
    const prev = place.prev === 'right' ? last.frame.checksum : (last.frame.checksum ^ 1) >>> 0;
    const fields = { prev, type: 1, flags: 0, lsn: lsn(place.lsn), durableLsn: lsn(8), logId, endMark };
    encodeFrame(stray, 0, fields, [Buffer.from('stray')]);
    await damage(fs, { segment: 7, frame: 2, from: 0, bytes: stray });
    expect(await readTexts(await openTestLog(fs))).toEqual(TEXTS);
  });

  it('makes a whole segment of another past damage', async () => {
    const fs = await closedLog();
    const path = `${SEGMENTS}/${segmentName(lsn(4))}`;
    const bytes = Buffer.from(await fs.readFile(path));
    const header = decodeSegmentHeader(bytes);
    if (!header.ok) throw new Error('the log is not as this test expects');
    let prev = (header.header.prev ^ 1) >>> 0;
    encodeSegmentHeader({ ...header.header, prev }).copy(bytes);
    for (let at = HEADER_BYTES; at < HEADER_BYTES + 3 * FRAME_BYTES; at += FRAME_BYTES) {
      const decoded = decodeFrame(Buffer.from(bytes), at);
      if (!decoded.ok) throw new Error('the log is not as this test expects');
      const fields = { ...decoded.frame, prev, endMark: header.header.endMark };
      prev = encodeFrame(bytes, at, fields, [decoded.frame.payload]).checksum;
    }
    await damage(fs, { segment: 4, frame: -1, from: 0, bytes });
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { lsn: 4 } });
  });
});

describe('a torn tail', () => {
  it('is kept, in the log or in its copy, in every state that a power cut during the open can leave', async () => {
    const fs = await closedLog();
    await damage(fs, zeroed(7, 1, 600, FRAME_BYTES - 600));
    const torn = Buffer.from('h'.padEnd(64, '.'));
    const snapshots: DiskSnapshot[] = [];
    fs.onBoundary(() => snapshots.push(fs.snapshot()));
    await openTestLog(fs);
    snapshots.push(fs.snapshot());
    for (const [cut, snapshot] of snapshots.entries()) {
      for (const { label, fileSystem } of crashStates(snapshot, { limit: 20, seed: cut })) {
        const files = Object.keys(fileSystem.tree()).filter((path) => path.endsWith('.wal') || path.endsWith('.torn'));
        const contents = await Promise.all(files.map((path) => fileSystem.readFile(path)));
        expect(
          contents.some((content) => content.includes(torn)),
          `cut ${cut}, ${label}`,
        ).toBe(true);
      }
    }
  });
});

describe('gaps at or below the checkpoint', () => {
  it('mean nothing when the oldest segment is gone', async () => {
    const fs = await checkpointedLog(lsn(6));
    await fs.unlink(`${SEGMENTS}/${segmentName(lsn(1))}`);
    const log = await openTestLog(fs);
    expect(await readTexts(log, log.checkpointLsn)).toEqual(['g', 'h']);
    expect(Object.keys(fs.tree()).filter((path) => path.endsWith('.wal'))).toHaveLength(2);
  });

  it('mean nothing when a segment in the middle is gone, or damaged', async () => {
    const fs = await checkpointedLog(lsn(6));
    await damage(fs, flipped(4, 1, 300));
    const log = await openTestLog(fs);
    expect(log.checkpointLsn).toBe(6);
    expect(await readTexts(log, lsn(6))).toEqual(['g', 'h']);
    // What lies before the gap can never be read in order again.
    expect(Object.keys(fs.tree()).filter((path) => path.endsWith('.wal'))).toHaveLength(1);
  });

  it('are damage when the checkpoint ends within them', async () => {
    const fs = await checkpointedLog(lsn(5));
    await damage(fs, flipped(4, 1, 300));
    await expect(openTestLog(fs, { applied: NO_LSN })).rejects.toMatchObject({ code: 'log_corrupt' });
  });
});
