/** Reads durable records in LSN order. It opens the segments itself, so a reader never disturbs the writer. */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import {
  checksumText,
  decodeFileDelete,
  decodeUploadBegin,
  readEnvelope,
  recordTypeOf,
  StoreError,
  systemErrorCode,
} from '#libs/kernel';
import type { Frame, Lsn, RecordType } from '#libs/kernel';
import { FrameCursor } from './frame-cursor.js';
import type { FrameAt } from './frame-cursor.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';

export interface SegmentRange {
  readonly path: string;
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
}

/** One line of the log for a person: where a record stands and whether its checksum holds; never its payload. */
export interface LogEntry {
  readonly lsn: Lsn;
  readonly offsetBytes: number;
  readonly lengthBytes: number;
  readonly type: RecordType;
  readonly fileId: string | undefined;
  readonly checksum: string;
}

export interface ReadBounds {
  /** Frames with a higher LSN. */
  readonly after: Lsn;
  /** Frames up to this LSN. */
  readonly through: Lsn;
  /** A checkpoint may remove this segment at any moment: that it is gone means nothing. */
  readonly mayGo: (segment: SegmentRange) => boolean;
}

/**
 * The frames with `after` < LSN ≤ `through` that are still there. Throws `log_corrupt` where a segment does not hold what it held when the log
 * was opened.
 */
export async function* readFrames(
  fs: FileSystem,
  segments: readonly SegmentRange[],
  { after, through, mayGo }: ReadBounds,
): AsyncGenerator<FrameAt & { readonly path: string }> {
  for (const segment of segments) {
    if (segment.lastLsn <= after || segment.firstLsn > through) continue;
    const file = await openUnlessGone(fs, segment, mayGo);
    if (file === undefined) continue;
    try {
      const cursor = new FrameCursor(file, SEGMENT_HEADER_BYTES);
      for (let expected: number = segment.firstLsn; expected <= Math.min(segment.lastLsn, through); expected += 1) {
        const next = await cursor.next();
        if ('bad' in next) throw changed(segment.path, cursor.offsetBytes, expected, next.bad);
        if (next.at.frame.lsn !== expected) throw changed(segment.path, next.at.offsetBytes, expected, {});
        if (expected > after) yield { ...next.at, path: segment.path };
      }
    } finally {
      await file.close();
    }
  }
}

async function openUnlessGone(
  fs: FileSystem,
  segment: SegmentRange,
  mayGo: ReadBounds['mayGo'],
): Promise<OpenFile | undefined> {
  try {
    return await fs.openRead(segment.path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT' && mayGo(segment)) return undefined;
    throw error;
  }
}

export function toLogEntry({ offsetBytes, frame }: FrameAt): LogEntry {
  return {
    lsn: frame.lsn,
    offsetBytes,
    lengthBytes: frame.lengthBytes,
    type: recordTypeOf(frame)!,
    fileId: fileIdOf(frame),
    checksum: checksumText(frame.checksum),
  };
}

function fileIdOf(frame: Frame): string | undefined {
  switch (recordTypeOf(frame)) {
    case 'upload_begin':
      return decodeUploadBegin(frame).fileId;
    case 'file_delete':
      return decodeFileDelete(frame).fileId;
    case 'file_put':
      return readEnvelope(frame).json['file_id'] as string;
    default:
      return undefined;
  }
}

function changed(
  path: string,
  offsetBytes: number,
  expectedLsn: number,
  sums: { readonly expected?: number; readonly actual?: number },
): StoreError {
  return new StoreError(
    'log_corrupt',
    `${path} no longer reads as it did at the start, at offset ${offsetBytes} (LSN ${expectedLsn}).`,
    {
      context: {
        path,
        offset_bytes: offsetBytes,
        lsn: expectedLsn,
        expected: sums.expected === undefined ? null : checksumText(sums.expected),
        actual: sums.actual === undefined ? null : checksumText(sums.actual),
      },
    },
  );
}
