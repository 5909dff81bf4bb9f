/** A disk that is full when the log is opened or made: what still works, what is said, and that it all comes back. */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { FaultPlan } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import {
  closedLog,
  damage,
  FRAME_BYTES,
  HEADER_BYTES,
  segmentPath,
  TEXTS,
  zeroed,
} from '../testing/src/damaged-log.js';
import { openTestLog, readTexts, textDraft, WAL_PATH } from '../testing/src/index.js';

const FRAMES_END = HEADER_BYTES + 2 * FRAME_BYTES;
const temporaries = (fs: CrashFileSystem): string[] => Object.keys(fs.tree()).filter((path) => path.endsWith('.tmp'));

describe('opening a log on a full disk', () => {
  // The header and the frames are one write, the zeros behind them the next, then the sync.
  it.each<[string, FaultPlan]>([
    ['no file', { operation: 'create', pathPattern: /rewrite/, errorCode: 'ENOSPC' }],
    ['not the frames', { operation: 'write', pathPattern: /rewrite/, errorCode: 'ENOSPC', writtenBytes: 100 }],
    ['not the zeros', { operation: 'write', pathPattern: /rewrite/, after: 1, errorCode: 'ENOSPC', writtenBytes: 512 }],
    ['not the sync', { operation: 'dataSync', pathPattern: /rewrite/, errorCode: 'EDQUOT' }],
  ])('with room for its frames alone opens: %s', async (_what, fault) => {
    const fs = await closedLog();
    fs.failNext(fault);
    const log = await openTestLog(fs);
    expect(log.segments().at(-1)?.sizeBytes).toBe(FRAMES_END);
    expect(await readTexts(log)).toEqual(TEXTS);
    // There is no room behind the frames, and none for a new segment either.
    const full = { pathPattern: /next/, errorCode: 'ENOSPC', times: Number.POSITIVE_INFINITY };
    fs.failNext({ operation: 'create', ...full });
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await expect(log.append(textDraft('refused'))).rejects.toMatchObject({ code: 'disk_reserve' });
    }
    expect(await readTexts(log)).toEqual(TEXTS);
    fs.clearFaults();
    expect((await log.append(textDraft('again'))).lsn).toBe(9);
    expect(await readTexts(log)).toEqual([...TEXTS, 'again']);
    await log.close();
    expect(await readTexts(await openTestLog(fs))).toEqual([...TEXTS, 'again']);
  });

  it('leaves a short segment that opens again, and holds what it held, after every power cut', async () => {
    const fs = await closedLog();
    fs.failNext({ operation: 'write', pathPattern: /rewrite/, after: 1, errorCode: 'ENOSPC' });
    await openTestLog(fs);
    for (const { label, fileSystem } of crashStates(fs.snapshot())) {
      const log = await openTestLog(fileSystem);
      expect(await readTexts(log), label).toEqual(TEXTS);
      expect((await log.append(textDraft('again'))).lsn, label).toBe(9);
    }
  });

  it('without room for the frames refuses, says how much to free, and opens when that is done', async () => {
    const fs = await closedLog();
    const before = await fs.readFile(segmentPath(7));
    fs.failNext({ operation: 'write', pathPattern: /rewrite/, errorCode: 'ENOSPC', writtenBytes: 64, times: 2 });
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'disk_full',
      message: expect.stringContaining(`${FRAMES_END} bytes`),
      context: { setting: 'WAL_PATH', path: WAL_PATH, needed_bytes: FRAMES_END },
    });
    expect((await fs.readFile(segmentPath(7))).equals(before)).toBe(true);
    // They would hold the very bytes that are missing.
    expect(temporaries(fs)).toEqual([]);
    const log = await openTestLog(fs);
    expect(log.segments().at(-1)?.sizeBytes).toBe(4096);
    expect(await readTexts(log)).toEqual(TEXTS);
  });

  it.each<[string, FaultPlan]>([
    ['no directory', { operation: 'makeDirectory', pathPattern: /torn/, errorCode: 'ENOSPC' }],
    ['no file', { operation: 'create', pathPattern: /torn/, errorCode: 'ENOSPC' }],
    ['not the bytes', { operation: 'write', pathPattern: /torn/, errorCode: 'ENOSPC' }],
  ])('without room for the copy of a torn tail refuses, and sets it aside when there is: %s', async (_what, fault) => {
    const fs = await closedLog();
    await damage(fs, zeroed(7, 1, 600, FRAME_BYTES - 600));
    const before = await fs.readFile(segmentPath(7));
    fs.failNext(fault);
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'disk_full', context: { setting: 'WAL_PATH' } });
    expect((await fs.readFile(segmentPath(7))).equals(before)).toBe(true);
    expect(await readTexts(await openTestLog(fs))).toEqual(TEXTS.slice(0, 7));
    expect(Object.keys(fs.tree()).filter((path) => path.endsWith('.torn'))).toHaveLength(1);
  });

  it('passes on any other failure', async () => {
    const fs = await closedLog();
    fs.failNext({ operation: 'dataSync', pathPattern: /rewrite/, errorCode: 'EIO' });
    await expect(openTestLog(fs)).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('making a log on a full disk', () => {
  it.each<[string, FaultPlan]>([
    ['no file', { operation: 'create', errorCode: 'ENOSPC' }],
    ['not the zeros', { operation: 'write', errorCode: 'ENOSPC', writtenBytes: 512 }],
    ['not the sync', { operation: 'dataSync', errorCode: 'ENOSPC' }],
    ['not the header', { operation: 'write', after: 1, errorCode: 'EDQUOT' }],
    ['not the name', { operation: 'rename', errorCode: 'ENOSPC' }],
  ])('says how much to free, and makes it when that is done: %s', async (_what, fault) => {
    const fs = new CrashFileSystem();
    fs.failNext(fault);
    await expect(openTestLog(fs)).rejects.toMatchObject({
      code: 'disk_full',
      context: { setting: 'WAL_PATH', path: WAL_PATH, needed_bytes: 4096 },
    });
    const log = await openTestLog(fs);
    expect((await log.append(textDraft('first'))).lsn).toBe(lsn(1));
  });
});
