/**
 * A segment as version 1 writes it. The files in `fixtures/` are never made anew for version 1: where this test fails, it
 * is the code that has changed, and logs that are out there could no longer be read. A later version adds a segment of its
 * own beside this one, and goes on reading it.
 *
 * The segment is the start of a real one: LSN 41 and 42 were one batch, then one record each, then zeros.
 */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import {
  checkpointDraft,
  checksumText,
  decodeCheckpoint,
  decodeFileDelete,
  decodeManifest,
  decodeUploadBegin,
  encodeEnvelope,
  encodeFrame,
  fileDeleteDraft,
  lsn,
  manifestDraft,
  NO_LSN,
  readEnvelope,
  RECORD_TYPES,
  recordTypeOf,
  uploadBeginDraft,
} from '#libs/kernel';
import type { ClusterId, Frame, LogId, RecordDraft, RecordType } from '#libs/kernel';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { openTestLog, WAL_PATH } from '../testing/src/index.js';
import { FrameCursor } from './frame-cursor.js';
import { decodeSegmentHeader, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';
import { scanSegment } from './segment-scan.js';
import { verifyLog } from './verify-log.js';

interface Chunk {
  readonly sha256: string;
  readonly length: number;
  readonly stored_length: number;
  readonly crc32c: string;
}

interface DescribedFrame {
  readonly offset: number;
  readonly type: RecordType;
  readonly flags: number;
  readonly lsn: number;
  readonly durable_lsn: number;
  readonly prev: string;
  readonly checksum: string;
  readonly length: number;
  readonly json: Record<string, unknown>;
  readonly inline?: string;
  readonly chunks?: readonly Chunk[];
}

interface DescribedSegment {
  readonly header: Record<'cluster_id' | 'log_id' | 'prev' | 'end_mark' | 'checksum', string> &
    Record<'first_lsn' | 'checkpoint_lsn', number>;
  readonly frames: readonly DescribedFrame[];
  readonly end_offset: number;
}

const PATH = `${WAL_PATH}/segments/00000000000000000041.wal`;

const fixture = (name: string): Buffer => readFileSync(new URL(`../fixtures/${name}`, import.meta.url));
const SEGMENT = fixture('segment-v1.wal');
const DESCRIBED = JSON.parse(fixture('segment-v1.json').toString()) as DescribedSegment;

const HEADER: SegmentHeader = {
  clusterId: DESCRIBED.header.cluster_id as ClusterId,
  logId: DESCRIBED.header.log_id as LogId,
  firstLsn: lsn(DESCRIBED.header.first_lsn),
  checkpointLsn: lsn(DESCRIBED.header.checkpoint_lsn),
  prev: Number.parseInt(DESCRIBED.header.prev, 16),
  endMark: DESCRIBED.header.end_mark,
};

/** A log that consists of the golden segment. */
async function goldenLog(): Promise<CrashFileSystem> {
  const fs = new CrashFileSystem();
  await fs.makeDirectory(WAL_PATH);
  await fs.makeDirectory(`${WAL_PATH}/segments`);
  await fs.replaceFile(PATH, SEGMENT, `${WAL_PATH}/put.tmp`);
  await fs.syncFileSystem('/');
  return fs;
}

async function readGoldenFrames(): Promise<{ frames: { offset: number; frame: Frame }[]; end: string }> {
  const file = await (await goldenLog()).openRead(PATH);
  const cursor = new FrameCursor(file, SEGMENT_HEADER_BYTES);
  const frames = [];
  for (;;) {
    const next = await cursor.next();
    if ('bad' in next) return { frames, end: `${next.bad.reason} at ${cursor.offsetBytes}` };
    frames.push({ offset: next.at.offsetBytes, frame: next.at.frame });
  }
}

/** What follows the JSON of a `file_put`, from its description. */
function contentBytes({ inline = '', chunks = [] }: DescribedFrame): Buffer {
  const entries = chunks.map(({ sha256, length, stored_length, crc32c }) => {
    const entry = Buffer.alloc(44);
    entry.write(sha256, 'hex');
    entry.writeUInt32LE(length, 32);
    entry.writeUInt32LE(stored_length, 36);
    entry.writeUInt32LE(Number.parseInt(crc32c, 16), 40);
    return entry;
  });
  return Buffer.concat([Buffer.from(inline), ...entries]);
}

/** The segment that the drafts make, with all that the description says of their frames. */
function encodeSegment(drafts: readonly Pick<RecordDraft, 'flags' | 'payloadParts'>[]): Buffer {
  const bytes = Buffer.alloc(SEGMENT.length);
  encodeSegmentHeader(HEADER).copy(bytes);
  let offset = SEGMENT_HEADER_BYTES;
  let prev = HEADER.prev;
  DESCRIBED.frames.forEach((described, index) => {
    const { flags, payloadParts } = drafts[index]!;
    const fields = {
      prev,
      type: RECORD_TYPES[described.type],
      flags,
      lsn: lsn(described.lsn),
      durableLsn: lsn(described.durable_lsn),
      logId: HEADER.logId,
      endMark: HEADER.endMark,
    };
    const frame = encodeFrame(bytes, offset, fields, payloadParts);
    offset += frame.lengthBytes;
    prev = frame.checksum;
  });
  return bytes;
}

/** What a record says, said again by the writer of this version. */
function redraft(frame: Frame): RecordDraft {
  switch (recordTypeOf(frame)) {
    case 'upload_begin':
      return uploadBeginDraft(decodeUploadBegin(frame));
    case 'file_put':
      return manifestDraft(decodeManifest(frame));
    case 'file_delete':
      return fileDeleteDraft(decodeFileDelete(frame));
    case 'checkpoint':
      return checkpointDraft(decodeCheckpoint(frame));
    default:
      throw new Error(`type ${frame.type}`);
  }
}

describe('the golden segment of version 1', () => {
  it('has the header that is described', () => {
    expect(decodeSegmentHeader(SEGMENT)).toEqual({ ok: true, header: HEADER });
    expect(checksumText(SEGMENT.readUInt32LE(SEGMENT_HEADER_BYTES - 4))).toBe(DESCRIBED.header.checksum);
    expect(encodeSegmentHeader(HEADER).equals(SEGMENT.subarray(0, SEGMENT_HEADER_BYTES))).toBe(true);
  });

  it('has the frames that are described, and nothing behind them', async () => {
    const { frames, end } = await readGoldenFrames();
    const read = frames.map(({ offset, frame }) => ({
      offset,
      type: recordTypeOf(frame),
      flags: frame.flags,
      lsn: frame.lsn,
      durable_lsn: frame.durableLsn,
      prev: checksumText(frame.prev),
      checksum: checksumText(frame.checksum),
      length: frame.lengthBytes,
      json: readEnvelope(frame).json,
    }));
    expect(read).toEqual(DESCRIBED.frames.map(({ inline: _inline, chunks: _chunks, ...facts }) => facts));
    const contents = frames.map(({ frame }) => readEnvelope(frame).rest.toString('hex'));
    expect(contents).toEqual(DESCRIBED.frames.map((described) => contentBytes(described).toString('hex')));
    expect(end).toBe(`zeros at ${DESCRIBED.end_offset}`);
  });

  it('is made of its description, byte for byte', () => {
    const drafts = DESCRIBED.frames.map((described) => ({
      flags: described.flags,
      payloadParts: [encodeEnvelope(described.json), contentBytes(described)],
    }));
    expect(encodeSegment(drafts).toString('hex')).toBe(SEGMENT.toString('hex'));
  });

  it('is written again by the writer of this version, byte for byte', async () => {
    const { frames } = await readGoldenFrames();
    expect(encodeSegment(frames.map(({ frame }) => redraft(frame))).toString('hex')).toBe(SEGMENT.toString('hex'));
  });

  it('holds the manifests and the tombstone of the golden store, byte for byte', () => {
    const names = ['manifest-inline-v1', 'manifest-chunked-v1', 'tombstone-v1'];
    const stored = names.map((name) =>
      readFileSync(new URL(`../../kernel/fixtures/${name}.frame`, import.meta.url)).toString('hex'),
    );
    const logged = DESCRIBED.frames
      .slice(1, 4)
      .map(({ offset, length }) => SEGMENT.toString('hex', offset, offset + length));
    expect(stored).toEqual(logged);
  });

  it('is a log that verifies, opens, and takes the next record', async () => {
    const fs = await goldenLog();
    const reading = await scanSegment(fs, PATH);
    if (!reading.ok) throw new Error('no header');
    expect(reading.scan).toMatchObject({ lastLsn: 45, checkpointLsn: 44, durableLsn: 44 });
    expect(await verifyLog(fs, WAL_PATH, () => NO_LSN)).toMatchObject({ firstLsn: 41, lastLsn: 45, tail: 'end' });

    const log = await openTestLog(fs);
    expect(fs.durableBytes(PATH)?.equals(SEGMENT)).toBe(true);
    const next = await log.append(checkpointDraft({ checkpointLsn: lsn(45) }));
    expect(next).toMatchObject({ lsn: 46, durableLsn: 45, prev: Number.parseInt(DESCRIBED.frames[4]!.checksum, 16) });
    expect(
      fs.durableBytes(PATH)?.subarray(0, DESCRIBED.end_offset).equals(SEGMENT.subarray(0, DESCRIBED.end_offset)),
    ).toBe(true);
    await log.close();
  });
});
