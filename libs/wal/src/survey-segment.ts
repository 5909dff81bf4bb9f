/**
 * Everything that one segment file still says, whether a start would accept it or not: each record that verifies, also
 * behind damage, and each stretch of bytes that does not. Facts only, for people and for a repair; verify-log.ts judges.
 */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import {
  checksumText,
  decodeCheckpoint,
  decodeFileDelete,
  decodeManifest,
  decodeUploadBegin,
  lsn,
  recordTypeOf,
  StoreError,
} from '#libs/kernel';
import type { BadFrame, FileId, Frame, Lsn, RecordType } from '#libs/kernel';
import { findFrame, isOfLog } from './find-frame.js';
import type { LogMark } from './find-frame.js';
import { FrameCursor } from './frame-cursor.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';
import { findLastWritten, futureFormat } from './segment-scan.js';

/** One verified record and where it stands; never its payload. */
export interface SurveyedRecord {
  readonly path: string;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly lsn: Lsn;
  /** All up to here was known synced when the record was written. */
  readonly durableLsn: Lsn;
  readonly checksum: string;
  readonly type: RecordType;
  readonly fileId: FileId | undefined;
  /** Of a `file_put`. */
  readonly fileName: string | undefined;
  /** Of a `checkpoint`. */
  readonly checkpointLsn: Lsn | undefined;
}

/** Bytes that hold no record: between two that do, or up to the last byte that was ever written. */
export interface Damage {
  readonly path: string;
  readonly offsetBytes: number;
  readonly endBytes: number;
  /** `header`: the segment's header does not hold; `payload`: a frame that verifies, with a payload that is not its type's. */
  readonly reason: BadFrame['reason'] | 'break' | 'header' | 'payload';
  readonly expected: string | undefined;
  readonly actual: string | undefined;
  /** LSN of the record before; one below the segment's first where there is none. */
  readonly afterLsn: Lsn;
}

export type SegmentPiece =
  { readonly kind: 'record'; readonly record: SurveyedRecord } | { readonly kind: 'damage'; readonly damage: Damage };

export interface SegmentFile {
  readonly path: string;
  readonly sizeBytes: number;
  /** Absent where it does not hold. */
  readonly header: SegmentHeader | undefined;
  /** From the header, or from the first frame where it stands in its place. */
  readonly mark: LogMark | undefined;
}

/** Reads the head of a segment. Throws `future_format`. */
export async function openSegmentFile(fs: FileSystem, path: string): Promise<SegmentFile> {
  const file = await fs.openRead(path);
  try {
    const sizeBytes = await file.size();
    const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const decoded = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)));
    if (decoded.ok) return { path, sizeBytes, header: decoded.header, mark: decoded.header };
    if (decoded.reason === 'future_version') throw futureFormat(path, 0);
    return { path, sizeBytes, header: undefined, mark: await firstFrameMark(file) };
  } finally {
    await file.close();
  }
}

/** What stands right behind a header is no payload of anything, so its frame may speak for the log. */
async function firstFrameMark(file: OpenFile): Promise<LogMark | undefined> {
  const next = await new FrameCursor(file, SEGMENT_HEADER_BYTES).next();
  if (!('at' in next)) return undefined;
  const { bytes, logId } = next.at.frame;
  return { logId, endMark: bytes.toString('hex', bytes.length - 8) };
}

/**
 * The pieces of a segment in the order of the file; `firstLsn` is what its name or its header promises. Throws
 * `future_format` for a record that a later release wrote: nobody may judge what it means.
 */
export async function* surveySegment(
  fs: FileSystem,
  { path, sizeBytes }: SegmentFile,
  { mark, firstLsn }: { readonly mark: LogMark; readonly firstLsn: Lsn },
): AsyncGenerator<SegmentPiece> {
  const file = await fs.openRead(path);
  try {
    let cursor = new FrameCursor(file, SEGMENT_HEADER_BYTES);
    let lastLsn = lsn(Math.max(0, firstLsn - 1));
    let writtenBytes: number | undefined;
    for (;;) {
      const { offsetBytes } = cursor;
      const next = await cursor.next();
      if ('at' in next && isOfLog(next.at.frame, mark) && next.at.frame.lsn > lastLsn) {
        yield toPiece(path, offsetBytes, next.at.frame, lastLsn);
        lastLsn = next.at.frame.lsn;
        continue;
      }
      const bad: Partial<BadFrame> = 'bad' in next ? next.bad : {};
      if (bad.reason === 'version') throw futureFormat(path, offsetBytes);
      writtenBytes ??= await findLastWritten(file, sizeBytes, offsetBytes);
      if (offsetBytes >= writtenBytes) return;
      const found = await findLater(file, { startBytes: offsetBytes + 8, endBytes: writtenBytes, mark, lastLsn });
      const damage = { path, offsetBytes, endBytes: found ?? writtenBytes, ...damageFacts(bad), afterLsn: lastLsn };
      yield { kind: 'damage', damage };
      if (found === undefined) return;
      cursor = new FrameCursor(file, found);
    }
  } finally {
    await file.close();
  }
}

/** Where the next record starts. A copy of an older one, inside a payload that lies open now, is none. */
async function findLater(
  file: OpenFile,
  range: { readonly startBytes: number; readonly endBytes: number; readonly mark: LogMark; readonly lastLsn: Lsn },
): Promise<number | undefined> {
  let { startBytes } = range;
  for (;;) {
    const found = await findFrame(file, { startBytes, endBytes: range.endBytes }, range.mark);
    if (found === undefined || found.frame.lsn > range.lastLsn) return found?.offsetBytes;
    startBytes = found.offsetBytes + 8;
  }
}

function damageFacts({ reason, expected, actual }: Partial<BadFrame>): Pick<Damage, 'reason' | 'expected' | 'actual'> {
  return {
    reason: reason ?? 'break',
    expected: expected === undefined ? undefined : checksumText(expected),
    actual: actual === undefined ? undefined : checksumText(actual),
  };
}

function toPiece(path: string, offsetBytes: number, frame: Frame, afterLsn: Lsn): SegmentPiece {
  const told = contentOf(frame, path, offsetBytes);
  if (told === undefined) {
    const endBytes = offsetBytes + frame.lengthBytes;
    return { kind: 'damage', damage: { path, offsetBytes, endBytes, ...damageFacts({}), reason: 'payload', afterLsn } };
  }
  const { lengthBytes, lsn: recordLsn, durableLsn } = frame;
  const checksum = checksumText(frame.checksum);
  return {
    kind: 'record',
    record: { path, offsetBytes, lengthBytes, lsn: recordLsn, durableLsn, checksum, ...told },
  };
}

type RecordContent = Pick<SurveyedRecord, 'type' | 'fileId' | 'fileName' | 'checkpointLsn'>;

/** Undefined for a payload that is not what its type promises: a replay would refuse it. */
function contentOf(frame: Frame, path: string, offsetBytes: number): RecordContent | undefined {
  const type = recordTypeOf(frame);
  if (type === undefined) throw futureFormat(path, offsetBytes);
  const none = { type, fileId: undefined, fileName: undefined, checkpointLsn: undefined };
  try {
    switch (type) {
      case 'upload_begin':
        return { ...none, fileId: decodeUploadBegin(frame).fileId };
      case 'file_delete':
        return { ...none, fileId: decodeFileDelete(frame).fileId };
      case 'checkpoint':
        return { ...none, checkpointLsn: decodeCheckpoint(frame).checkpointLsn };
      case 'file_put': {
        const { fileId, fileName } = decodeManifest(frame);
        return { ...none, fileId, fileName };
      }
    }
  } catch (error) {
    if (!StoreError.is(error, 'manifest_corrupt')) throw error;
    return undefined;
  }
}
