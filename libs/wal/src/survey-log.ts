/**
 * A whole log as it lies on the disk, damage included: what a repair works from where `verifyLog` refuses. Reads only.
 */
import type { FileSystem } from '#libs/durable-fs';
import { decodeFrame, lsn, NO_LSN, StoreError } from '#libs/kernel';
import type { ClusterId, Frame, LogId, Lsn } from '#libs/kernel';
import { join } from 'node:path';
import { logLayout, parseSegmentName } from './log-layout.js';
import type { LogLayout } from './log-layout.js';
import type { LogMark } from './find-frame.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import { openSegmentFile, surveySegment } from './survey-segment.js';
import type { Damage, SegmentFile, SurveyedRecord } from './survey-segment.js';

export interface SegmentSurvey extends SegmentFile {
  /** The first LSN in 20 digits, as in the file's name. */
  readonly segmentId: string;
  /** As the name says. */
  readonly firstLsn: Lsn;
  /** LSN of the last record that verifies; `firstLsn - 1` where none does. */
  readonly lastLsn: Lsn;
  readonly records: readonly SurveyedRecord[];
  readonly damages: readonly Damage[];
}

export interface LogSurvey {
  readonly layout: LogLayout;
  /** In the order of their names; the last is the active one. */
  readonly segments: readonly SegmentSurvey[];
  /** Absent where no segment has a valid header. */
  readonly clusterId: ClusterId | undefined;
  /** Absent where neither a header nor a first frame says it. */
  readonly logId: LogId | undefined;
  /** The highest that a header or a readable record tells. */
  readonly checkpointLsn: Lsn;
  /** The highest LSN that the log itself proves to have been synced. */
  readonly durableLsn: Lsn;
}

/** `undefined` where there is no log. Throws `future_format`, and `log_mismatch` where the segments are of two logs. */
export async function surveyLog(fs: FileSystem, walPath: string): Promise<LogSurvey | undefined> {
  const layout = logLayout(walPath);
  const files = await openSegments(fs, layout);
  if (files.length === 0) return undefined;
  const headers = files.flatMap(({ header }) => (header === undefined ? [] : [header]));
  const mark: LogMark | undefined = headers[0] ?? files.find((file) => file.mark !== undefined)?.mark;
  for (const { header, path } of files) if (header !== undefined) assertSameLog(headers[0]!, header, path);
  const segments: SegmentSurvey[] = [];
  for (const file of files) segments.push(await surveyOne(fs, file, mark));
  const records = segments.flatMap((segment) => segment.records);
  const checkpointLsn = highest([
    ...headers.map((header) => header.checkpointLsn),
    ...records.map((record) => record.checkpointLsn ?? NO_LSN),
  ]);
  // A segment has its name only once everything before it is durable.
  const nameProofs = segments.map(({ firstLsn }) => lsn(firstLsn - 1));
  return {
    layout,
    segments,
    clusterId: headers[0]?.clusterId,
    logId: mark?.logId,
    checkpointLsn,
    durableLsn: highest([checkpointLsn, ...nameProofs, ...records.map(({ durableLsn }) => durableLsn)]),
  };
}

/** Reads the frame of a surveyed record again. Throws `log_corrupt` where it is no longer what it was. */
export async function readSurveyed(fs: FileSystem, record: SurveyedRecord): Promise<Frame> {
  const { path, offsetBytes, lengthBytes } = record;
  const file = await fs.openRead(path);
  try {
    const bytes = Buffer.alloc(lengthBytes);
    await file.read(bytes, offsetBytes);
    const decoded = decodeFrame(bytes, 0);
    if (decoded.ok) return decoded.frame;
    throw new StoreError('log_corrupt', `${path} reads differently each time, at offset ${offsetBytes}.`, {
      context: { path, offset_bytes: offsetBytes, lsn: record.lsn },
    });
  } finally {
    await file.close();
  }
}

type NamedFile = SegmentFile & Pick<SegmentSurvey, 'segmentId' | 'firstLsn'>;

async function openSegments(fs: FileSystem, layout: LogLayout): Promise<NamedFile[]> {
  if ((await fs.stat(layout.segments)) === undefined) return [];
  const files: NamedFile[] = [];
  for (const name of (await fs.readDirectory(layout.segments)).toSorted()) {
    const firstLsn = parseSegmentName(name);
    if (firstLsn === undefined) continue;
    const file = await openSegmentFile(fs, join(layout.segments, name));
    files.push({ ...file, segmentId: name.replace(/\.wal$/, ''), firstLsn });
  }
  return files;
}

async function surveyOne(fs: FileSystem, file: NamedFile, mark: LogMark | undefined): Promise<SegmentSurvey> {
  const { path, header, firstLsn, sizeBytes } = file;
  const records: SurveyedRecord[] = [];
  const damages: Damage[] = [];
  const afterLsn = lsn(firstLsn - 1);
  const unreadable = { path, expected: undefined, actual: undefined, afterLsn };
  if (header?.firstLsn !== firstLsn) {
    damages.push({ ...unreadable, offsetBytes: 0, endBytes: SEGMENT_HEADER_BYTES, reason: 'header' });
  }
  if (mark === undefined) {
    damages.push({ ...unreadable, offsetBytes: SEGMENT_HEADER_BYTES, endBytes: sizeBytes, reason: 'break' });
    return { ...file, lastLsn: afterLsn, records, damages };
  }
  for await (const piece of surveySegment(fs, file, { mark, firstLsn })) {
    if (piece.kind === 'record') records.push(piece.record);
    else damages.push(piece.damage);
  }
  return { ...file, lastLsn: records.at(-1)?.lsn ?? afterLsn, records, damages };
}

type LogOwner = LogMark & { readonly clusterId: ClusterId };

function assertSameLog(first: LogOwner, other: LogOwner, path: string): void {
  if (first.logId === other.logId) return;
  throw new StoreError('log_mismatch', `${path} is of another log than the segments before it; move it away.`, {
    context: { path, expected_log_id: first.logId, actual_log_id: other.logId },
  });
}

/** Not by spreading into `Math.max`, whose arguments lie on the stack: a log can have a million records. */
function highest(lsns: readonly Lsn[]): Lsn {
  return lsns.reduce((high, each) => (each > high ? each : high), NO_LSN);
}
