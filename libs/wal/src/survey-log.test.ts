/** What can still be read of a damaged log: the more of it, the less a repair loses. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { encodeFrame, fileDeleteDraft, lsn, manifestDraft, newFileId, newUuid, uploadBeginDraft } from '#libs/kernel';
import type { FileId, LogId, RecordDraft } from '#libs/kernel';
import { beforeEach, describe, expect, it } from 'vitest';
import { CLUSTER_ID, openTestLog, WAL_PATH } from '../testing/src/index.js';
import { damage, flipped, segmentPath, zeroed } from '../testing/src/damaged-log.js';
import { createLog } from './open-log.js';
import { readSurveyed, surveyLog } from './survey-log.js';
import type { LogSurvey } from './survey-log.js';

const FRAME_BYTES = 1064;
/** Three records fill a segment, so segments begin at LSN 1, 4 and 7. */
const RECORDS = 8;

const FILES = Array.from({ length: RECORDS }, (_, index) => newFileId(index));

/** A frame of exactly `FRAME_BYTES`. */
function putDraft(fileId: FileId, content: Buffer = Buffer.alloc(0)): RecordDraft {
  const manifest = {
    fileId,
    fileName: 'f',
    fileSize: content.length,
    contentType: 'text/plain',
    sha256: '0'.repeat(64),
    createdAtMs: 1,
    mode: 'async',
    wait: 0,
    chunkSize: 1024,
    content: { kind: 'inline', bytes: content },
    unknown: {},
  } as const;
  const draft = manifestDraft(manifest);
  const bytes = draft.payloadParts.reduce((sum, part) => sum + part.byteLength, 0);
  const missing = FRAME_BYTES - 64 - bytes;
  return missing <= 0 || content.length > 0 ? draft : putDraft(fileId, Buffer.alloc(missing - 3));
}

let fs: CrashFileSystem;

beforeEach(async () => {
  fs = new CrashFileSystem();
  const log = await openTestLog(fs);
  for (const fileId of FILES) await log.append(putDraft(fileId));
  await log.close();
});

const lsnsOf = (survey: LogSurvey | undefined): number[] =>
  survey!.segments.flatMap(({ records }) => records.map((record) => record.lsn));

const survey = async (): Promise<LogSurvey> => (await surveyLog(fs, WAL_PATH))!;

describe('a survey', () => {
  it('of a sound log finds every record and no damage', async () => {
    const found = await survey();
    expect(lsnsOf(found)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(found.segments.map((segment) => [segment.segmentId, segment.firstLsn, segment.lastLsn])).toEqual([
      ['00000000000000000001', 1, 3],
      ['00000000000000000004', 4, 6],
      ['00000000000000000007', 7, 8],
    ]);
    expect(found.segments.flatMap(({ damages }) => damages)).toEqual([]);
    expect(found).toMatchObject({ clusterId: CLUSTER_ID, checkpointLsn: 0, durableLsn: 7 });
    expect(found.segments[1]!.records[0]).toMatchObject({ type: 'file_put', fileId: FILES[3], fileName: 'f' });
  });

  it('is of nothing where there is no log', async () => {
    expect(await surveyLog(new CrashFileSystem(), WAL_PATH)).toBeUndefined();
  });

  it.each([
    ['a byte flipped in the first record of a segment', flipped(4, 0, 300), [1, 2, 3, 5, 6, 7, 8]],
    ['a byte flipped in a record in the middle', flipped(4, 1, 300), [1, 2, 3, 4, 6, 7, 8]],
    ['a record zeroed in the middle', zeroed(4, 1, 0, FRAME_BYTES), [1, 2, 3, 4, 6, 7, 8]],
    ['two records zeroed', zeroed(4, 0, 0, 2 * FRAME_BYTES), [1, 2, 3, 6, 7, 8]],
    ['rot in a length', flipped(4, 1, 8), [1, 2, 3, 4, 6, 7, 8]],
    ['a header that does not hold', flipped(4, -1, 50), [1, 2, 3, 4, 5, 6, 7, 8]],
  ])('finds the records before and behind %s', async (_what, harm, expected) => {
    await damage(fs, harm);
    const found = await survey();
    expect(lsnsOf(found)).toEqual(expected);
    const damages = found.segments.flatMap((segment) => segment.damages);
    expect(damages).toHaveLength(1);
    expect(damages[0]!.path).toBe(segmentPath(4));
  });

  it('says where damage begins and ends, and what was expected there', async () => {
    await damage(fs, flipped(4, 1, 300));
    const { segments } = await survey();
    expect(segments[1]!.damages).toEqual([
      {
        path: segmentPath(4),
        offsetBytes: 128 + FRAME_BYTES,
        endBytes: 128 + 2 * FRAME_BYTES,
        reason: 'checksum',
        expected: expect.stringMatching(/^[0-9a-f]{8}$/),
        actual: expect.stringMatching(/^[0-9a-f]{8}$/),
        afterLsn: 4,
      },
    ]);
  });

  it('reads a log of which no header is left', async () => {
    for (const segment of [1, 4, 7]) await damage(fs, flipped(segment, -1, 20));
    const found = await survey();
    expect(lsnsOf(found)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(found.clusterId).toBeUndefined();
    expect(found.logId).toBeDefined();
  });

  it('claims nothing where neither a header nor a first record says what log it is', async () => {
    for (const segment of [1, 4, 7]) {
      await damage(fs, flipped(segment, -1, 20));
      await damage(fs, flipped(segment, 0, 300));
    }
    const found = await survey();
    expect(found.logId).toBeUndefined();
    expect(lsnsOf(found)).toEqual([]);
    expect(found.segments.map(({ damages }) => damages.length)).toEqual([2, 2, 2]);
  });

  it('goes on behind a segment that is gone', async () => {
    await fs.unlink(segmentPath(4));
    const found = await survey();
    expect(lsnsOf(found)).toEqual([1, 2, 3, 7, 8]);
    expect(found.durableLsn).toBe(7);
  });

  it('counts no record twice where one segment was copied over another', async () => {
    await fs.replaceFile(segmentPath(4), await fs.readFile(segmentPath(1)), `${segmentPath(4)}.tmp`);
    const found = await survey();
    expect(lsnsOf(found)).toEqual([1, 2, 3, 7, 8]);
    expect(found.segments[1]!.damages[0]).toMatchObject({ reason: 'header' });
  });

  it('takes a payload that is not what its type says for damage', async () => {
    const log = await openTestLog(fs);
    await log.append({ type: 'file_delete', flags: 0, payloadParts: [Buffer.from('no envelope')] });
    await log.append(fileDeleteDraft({ fileId: FILES[0]!, deletedAtMs: 1 }));
    await log.close();
    const found = await survey();
    expect(lsnsOf(found)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 10]);
    expect(found.segments.at(-1)!.damages).toMatchObject([{ reason: 'payload', afterLsn: 8 }]);
  });

  it('knows the checkpoint from a record behind damage', async () => {
    const log = await openTestLog(fs);
    await log.append(uploadBeginDraft({ fileId: newFileId(1), createdAtMs: 1 }));
    await log.checkpoint(lsn(8));
    await log.close();
    await damage(fs, flipped(7, 0, 300));
    expect((await survey()).checkpointLsn).toBe(8);
  });

  it('refuses segments of two logs', async () => {
    const other = { clusterId: CLUSTER_ID, logId: newUuid<LogId>(), firstLsn: lsn(9) };
    const limits = { maxSizeBytes: 1024 * 1024, retainSegments: 0, fullWaitMs: 50 };
    await (await createLog(fs, WAL_PATH, other, { segmentSizeBytes: 4096, limits })).close();
    await expect(survey()).rejects.toMatchObject({ code: 'log_mismatch' });
  });

  it('takes the name of a segment for proof of what came before it', async () => {
    await damage(fs, zeroed(7, 0, 0, 2 * FRAME_BYTES));
    expect((await survey()).durableLsn).toBe(6);
  });

  it('takes a whole frame in its place that does not bear the mark of the log for damage', async () => {
    await writeAt((await tailOf(fs)).endBytes, await frameLike({ lsn: 9, endMark: 'ab'.repeat(8) }));
    const { damages } = (await survey()).segments.at(-1)!;
    expect(damages).toMatchObject([{ reason: 'break', afterLsn: 8 }]);
  });
});

/** A frame of the log's own id. */
async function frameLike(like: { readonly lsn: number; readonly endMark?: string }): Promise<Buffer> {
  const { header } = (await survey()).segments[0]!;
  const { logId, endMark } = header!;
  const draft = fileDeleteDraft({ fileId: FILES[0]!, deletedAtMs: 1 });
  const fields = { prev: 0, type: 3, flags: 0, durableLsn: lsn(1), logId, endMark, ...like, lsn: lsn(like.lsn) };
  return encodeFrame(Buffer.alloc(512), 0, fields, draft.payloadParts).bytes;
}

async function writeAt(offsetBytes: number, bytes: Buffer): Promise<void> {
  const file = await fs.openWrite((await survey()).segments.at(-1)!.path);
  await file.write(bytes, offsetBytes);
  await file.close();
}

async function tailOf(disk: CrashFileSystem): Promise<{ endBytes: number }> {
  const last = (await surveyLog(disk, WAL_PATH))!.segments.at(-1)!.records.at(-1)!;
  return { endBytes: last.offsetBytes + last.lengthBytes };
}

describe('a frame inside a payload that damage lays open is no record', () => {
  it.each<[string, { readonly lsn: number; readonly endMark?: string }, number]>([
    ['where it is an older one of the log', { lsn: 5 }, 0],
    ['where it does not bear the mark of the log', { lsn: 10, endMark: 'ab'.repeat(8) }, 0],
    ['where no frame can start', { lsn: 10 }, 4],
  ])('%s', async (_where, like, shiftBytes) => {
    const { endBytes } = await tailOf(fs);
    const inner = await frameLike(like);
    const log = await openTestLog(fs);
    const payload = Buffer.concat([Buffer.alloc(64 + shiftBytes, 1), inner]);
    await log.append({ type: 'upload_begin', flags: 0, payloadParts: [payload] });
    await log.append(fileDeleteDraft({ fileId: FILES[0]!, deletedAtMs: 1 }));
    await log.close();
    await writeAt(endBytes + 60, Buffer.from([0xa5]));
    const last = (await survey()).segments.at(-1)!;
    expect(last.records.map((record) => record.lsn)).toEqual([7, 8, 10]);
    expect(last.records.at(-1)!.type).toBe('file_delete');
    expect(last.damages).toHaveLength(1);
  });
});

it('a surveyed record that reads differently the second time is refused', async () => {
  const { segments } = await survey();
  const record = segments[1]!.records[1]!;
  expect((await readSurveyed(fs, record)).lsn).toBe(5);
  await damage(fs, flipped(4, 1, 300));
  await expect(readSurveyed(fs, record)).rejects.toMatchObject({ code: 'log_corrupt', context: { lsn: 5 } });
});
