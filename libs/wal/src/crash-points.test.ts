/** The crash points that have a name: what was found there, and what the log makes of it. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  checkpointedLog,
  closedLog,
  damage,
  flipped,
  FRAME_BYTES,
  HEADER_BYTES,
  RECORD_BYTES,
  SEGMENTS,
  segmentPath,
  zeroed,
} from '../testing/src/damaged-log.js';
import { openTestLog, readTexts, textDraft } from '../testing/src/index.js';
import { parseSegmentName } from './log-layout.js';
import { decodeSegmentHeader } from './segment-header.js';

const filesIn = (fs: CrashFileSystem, ending: string): string[] =>
  Object.keys(fs.tree()).filter((path) => path.endsWith(ending));

describe('a sector hole in the middle of a batch', () => {
  /** Frame 1 of three that were one write; the hole lies within it, its end mark stands. */
  const HOLE = zeroed(1, 1, 344, 512);

  async function logOfOneBatch(): Promise<CrashFileSystem> {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs, { segmentSizeBytes: 8192 });
    await Promise.all(['a', 'b', 'c'].map((text) => log.append(textDraft(text, RECORD_BYTES))));
    await log.close();
    return fs;
  }

  it('is torn where nothing proves the batch durable: it is set aside from the hole on', async () => {
    const fs = await logOfOneBatch();
    await damage(fs, HOLE);
    const before = await fs.readFile(segmentPath(1));
    const log = await openTestLog(fs);
    expect(await readTexts(log)).toEqual(['a']);
    const [aside] = filesIn(fs, '.torn');
    // The whole frame behind the hole is kept with it, and can never be read as a record again.
    const tail = before.subarray(HEADER_BYTES + FRAME_BYTES, HEADER_BYTES + 3 * FRAME_BYTES);
    expect((await fs.readFile(aside!)).equals(tail)).toBe(true);
    expect((await log.append(textDraft('again'))).lsn).toBe(2);
    await log.close();
    expect(await readTexts(await openTestLog(fs))).toEqual(['a', 'again']);
    // Behind the new record there is nothing left of the old ones.
    expect(filesIn(fs, '.torn')).toHaveLength(1);
  });

  it('is torn where the sector lacks only the first eight bytes of a frame', async () => {
    const fs = new CrashFileSystem();
    const log = await openTestLog(fs);
    // The first frame ends eight bytes before a sector does: of the second, checksum and `prev` are in there.
    await log.append(textDraft('a', 376 - (FRAME_BYTES - RECORD_BYTES)));
    await log.append(textDraft('b', 300));
    await log.close();
    await damage(fs, zeroed(1, -1, 504, 8));
    const reopened = await openTestLog(fs);
    expect(await readTexts(reopened)).toEqual(['a']);
    expect(filesIn(fs, '.torn')).toHaveLength(1);
  });

  it('is corruption where a later batch proves it durable', async () => {
    const fs = await logOfOneBatch();
    const log = await openTestLog(fs);
    await log.append(textDraft('d'));
    await log.close();
    await damage(fs, HOLE);
    const tree = fs.tree();
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { path: segmentPath(1), offset_bytes: HEADER_BYTES + FRAME_BYTES, lsn: 2, durable_lsn: 3 },
    });
    expect(fs.tree()).toEqual(tree);
  });

  it('is corruption where the catalog has applied it', async () => {
    const fs = await logOfOneBatch();
    await damage(fs, HOLE);
    await expect(openTestLog(fs, { applied: lsn(2) })).rejects.toMatchObject({ code: 'log_corrupt' });
  });
});

describe('rot in the last acknowledged frame', () => {
  // A flipped byte changes neither the end mark nor makes a zero sector: such a frame was whole once.
  it('refuses, with nothing behind it', async () => {
    const fs = await closedLog();
    await damage(fs, flipped(7, 1, 300));
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { lsn: 8, durable_lsn: 6, expected: expect.any(String), actual: expect.any(String) },
    });
  });

  it.each([
    ['its end mark', flipped(7, 1, FRAME_BYTES - 1)],
    ['its length', flipped(7, 1, 8)],
    ['a whole sector of it', zeroed(7, 1, 344, 512)],
  ])('refuses where it hit %s and the catalog has applied the record', async (_what, harm) => {
    const fs = await closedLog();
    await damage(fs, harm);
    await expect(openTestLog(fs, { applied: lsn(8) })).rejects.toMatchObject({
      code: 'log_corrupt',
      context: { lsn: 8 },
    });
  });
});

describe('a segment whose name is durable but whose header is not', () => {
  it('is in no state that a power cut during a rotation can leave', async () => {
    const fs = new CrashFileSystem();
    const snapshots: DiskSnapshot[] = [];
    fs.onBoundary(() => snapshots.push(fs.snapshot()));
    const log = await openTestLog(fs);
    for (const text of ['a', 'b', 'c', 'd']) await log.append(textDraft(text, 2000));
    snapshots.push(fs.snapshot());
    let named = 0;
    for (const [cut, snapshot] of snapshots.entries()) {
      for (const { label, fileSystem } of crashStates(snapshot, { limit: 40, seed: cut })) {
        for (const path of filesIn(fileSystem, '.wal')) {
          const decoded = decodeSegmentHeader(await fileSystem.readFile(path));
          const where = `cut ${cut}, ${label}, ${path}`;
          if (!decoded.ok) throw new Error(`${where}: ${decoded.reason}`);
          expect(decoded.header.firstLsn, where).toBe(parseSegmentName(path.slice(SEGMENTS.length + 1)));
          named += 1;
        }
      }
    }
    expect(named).toBeGreaterThan(200);
  });

  it.each([
    ['zeros', (bytes: Buffer) => bytes.fill(0)],
    ['half a header', (bytes: Buffer) => bytes.fill(0, 64)],
    ['nothing', () => Buffer.alloc(0)],
  ])('refuses when it was made by hand: %s', async (_what, content) => {
    const fs = await closedLog();
    const file = await fs.create(segmentPath(9));
    await file.write(content(Buffer.from((await fs.readFile(segmentPath(7))).subarray(0, HEADER_BYTES))), 0);
    await file.dataSync();
    await file.close();
    const tree = fs.tree();
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'log_corrupt', context: { path: segmentPath(9) } });
    expect(fs.tree()).toEqual(tree);
  });
});

describe('segment 2 gone while segment 1 is still there', () => {
  it('above the checkpoint is corruption, and says which LSNs are missing', async () => {
    const fs = await closedLog();
    await fs.unlink(segmentPath(4));
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'log_corrupt',
      message: expect.stringContaining('lacks LSN 4 to 6'),
      context: { path: segmentPath(7), lsn: 4, expected: 4, actual: 7 },
    });
  });

  it('at or below the checkpoint means nothing', async () => {
    const fs = await checkpointedLog(lsn(6));
    await fs.unlink(segmentPath(4));
    const log = await openTestLog(fs);
    expect(await readTexts(log, log.checkpointLsn)).toEqual(['g', 'h']);
    expect(filesIn(fs, '.wal')).toEqual([segmentPath(7)]);
    expect((await log.append(textDraft('again'))).lsn).toBe(10);
  });
});
