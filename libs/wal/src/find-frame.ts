/**
 * Finds the frames of a log behind a bad one. Frames start at 8-byte boundaries; the log's id finds candidates, the
 * checksum and the end mark convince. Bytes that a user uploaded can look like a frame, but cannot carry the end mark,
 * which never leaves the log and its stores.
 */
import type { OpenFile } from '#libs/durable-fs';
import { FRAME_ALIGNMENT_BYTES, frameEndMark, uuidToBytes } from '#libs/kernel';
import type { Frame, LogId } from '#libs/kernel';
import { FrameCursor } from './frame-cursor.js';
import type { FrameAt } from './frame-cursor.js';

/** What tells the frames of one log from all other bytes. */
export interface LogMark {
  readonly logId: LogId;
  /** 8 bytes as lower-case hex. */
  readonly endMark: string;
}

export interface ByteRange {
  readonly startBytes: number;
  readonly endBytes: number;
}

const LOG_ID_OFFSET = 32;
const LOG_ID_BYTES = 16;
const STEP_BYTES = 1024 * 1024;

export function isOfLog(frame: Frame, { logId, endMark }: LogMark): boolean {
  return frame.logId === logId && frameEndMark(frame) === endMark;
}

/** The first frame that starts in the range and proves itself. */
export async function findFrame(
  file: OpenFile,
  { startBytes, endBytes }: ByteRange,
  mark: LogMark,
): Promise<FrameAt | undefined> {
  const logId = uuidToBytes(mark.logId);
  const window = Buffer.allocUnsafeSlow(STEP_BYTES + LOG_ID_BYTES);
  for (let start = startBytes; start < endBytes; start += STEP_BYTES) {
    const count = await file.read(window, start + LOG_ID_OFFSET);
    const bytes = window.subarray(0, count);
    for (let hit = bytes.indexOf(logId); hit !== -1; hit = bytes.indexOf(logId, hit + 1)) {
      const offsetBytes = start + hit;
      if (offsetBytes >= endBytes) return undefined;
      if (offsetBytes % FRAME_ALIGNMENT_BYTES !== 0) continue;
      const next = await new FrameCursor(file, offsetBytes).next();
      if ('at' in next && isOfLog(next.at.frame, mark)) return next.at;
    }
  }
  return undefined;
}

/** Every frame of the log in the range, in the order of the file, whatever lies between them. */
export async function* findFrames(
  file: OpenFile,
  { startBytes, endBytes }: ByteRange,
  mark: LogMark,
): AsyncGenerator<FrameAt> {
  for (let cursor = new FrameCursor(file, startBytes); cursor.offsetBytes < endBytes;) {
    const { offsetBytes } = cursor;
    const next = await cursor.next();
    if ('at' in next && isOfLog(next.at.frame, mark)) {
      yield next.at;
      continue;
    }
    const found = await findFrame(file, { startBytes: offsetBytes + FRAME_ALIGNMENT_BYTES, endBytes }, mark);
    if (found === undefined) return;
    cursor = new FrameCursor(file, found.offsetBytes);
  }
}
