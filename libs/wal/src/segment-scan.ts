/**
 * Reads one segment file and says what it holds: how far its frames verify and chain, what stands where they stop, and
 * what the frames prove about the log (durable LSN, checkpoint). Facts only; tail-verdict.ts decides.
 */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { decodeCheckpoint, FRAME_ALIGNMENT_BYTES, isZero, lsn, NO_LSN, recordTypeOf, StoreError } from '#libs/kernel';
import type { BadFrame, Frame, Lsn } from '#libs/kernel';
import { findFrames, isOfLog } from './find-frame.js';
import { FrameCursor } from './frame-cursor.js';
import { decodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';

const TAIL_WINDOW_BYTES = 4 * 1024 * 1024;
const SECTOR_BYTES = 512;

/** What stands where the good frames stop. */
export interface TailFacts {
  readonly offsetBytes: number;
  /** `break`: a frame verifies but is not the next of this log (another LSN, log or predecessor). */
  readonly reason: BadFrame['reason'] | 'break';
  readonly expected: number | undefined;
  readonly actual: number | undefined;
  /** Everything from `offsetBytes` to the end of the file is zero: nothing was ever written there. */
  readonly allZero: boolean;
  /** The bad frame's own end mark stands where its length puts it: its last byte was written. */
  readonly endMarkPresent: boolean;
  /** All that some 512-byte sector holds of the bad frame is zero: it never reached the disk. */
  readonly hasZeroSector: boolean;
  /** One past the last 8-byte word that is not zero. */
  readonly lastWrittenBytes: number;
}

export interface SegmentScan {
  readonly path: string;
  readonly sizeBytes: number;
  readonly header: SegmentHeader;
  /** LSN of the last good frame; `header.firstLsn - 1` where there is none. */
  readonly lastLsn: Lsn;
  /** Checksum of the last good frame; `header.prev` where there is none. */
  readonly lastChecksum: number;
  readonly tail: TailFacts;
  /** Highest checkpoint recorded in the header or in a good frame. */
  readonly checkpointLsn: Lsn;
  /** Highest durable LSN of every verifiable frame, those behind a bad one included. */
  readonly durableLsn: Lsn;
}

export type SegmentReading =
  | { readonly ok: true; readonly scan: SegmentScan }
  | { readonly ok: false; readonly path: string; readonly sizeBytes: number };

/** Scans the segment at `path`. Throws `future_format` for a version or record type of a later release. */
export async function scanSegment(fs: FileSystem, path: string): Promise<SegmentReading> {
  const file = await fs.openRead(path);
  try {
    const sizeBytes = await file.size();
    const head = Buffer.alloc(SEGMENT_HEADER_BYTES);
    const count = await file.read(head, 0);
    const decoded = decodeSegmentHeader(head.subarray(0, count));
    if (!decoded.ok) {
      if (decoded.reason === 'future_version') throw futureFormat(path, 0);
      return { ok: false, path, sizeBytes };
    }
    return { ok: true, scan: await scanFrames(file, path, sizeBytes, decoded.header) };
  } finally {
    await file.close();
  }
}

async function scanFrames(
  file: OpenFile,
  path: string,
  sizeBytes: number,
  header: SegmentHeader,
): Promise<SegmentScan> {
  const cursor = new FrameCursor(file, SEGMENT_HEADER_BYTES);
  let lastLsn = lsn(header.firstLsn - 1);
  let lastChecksum = header.prev;
  let checkpointLsn = header.checkpointLsn;
  let durableLsn = NO_LSN;
  for (;;) {
    const offsetBytes = cursor.offsetBytes;
    const next = await cursor.next();
    const isNext = 'at' in next && isOfLog(next.at.frame, header) && follows(next.at.frame, lastLsn, lastChecksum);
    if (!isNext) {
      if ('bad' in next && next.bad.reason === 'version') throw futureFormat(path, offsetBytes);
      const bad = 'bad' in next ? next.bad : undefined;
      const tail = await readTail(file, sizeBytes, offsetBytes, bad, header);
      const beyond = tail.allZero ? NO_LSN : await durableBeyond(file, tail.lastWrittenBytes, offsetBytes, header);
      return {
        path,
        sizeBytes,
        header,
        lastLsn,
        lastChecksum,
        tail,
        checkpointLsn,
        durableLsn: highest(durableLsn, beyond),
      };
    }
    const { frame } = next.at;
    const type = recordTypeOf(frame);
    if (type === undefined) throw futureFormat(path, offsetBytes);
    if (type === 'checkpoint') checkpointLsn = highest(checkpointLsn, decodeCheckpoint(frame).checkpointLsn);
    durableLsn = highest(durableLsn, frame.durableLsn);
    lastLsn = frame.lsn;
    lastChecksum = frame.checksum;
  }
}

function follows(frame: Frame, lastLsn: Lsn, lastChecksum: number): boolean {
  return frame.lsn === lastLsn + 1 && frame.prev === lastChecksum;
}

async function readTail(
  file: OpenFile,
  sizeBytes: number,
  offsetBytes: number,
  bad: BadFrame | undefined,
  header: SegmentHeader,
): Promise<TailFacts> {
  const lastWrittenBytes = await findLastWritten(file, sizeBytes, offsetBytes);
  const frameBytes = Buffer.alloc(bad?.lengthBytes ?? 0);
  const present = (await file.read(frameBytes, offsetBytes)) === frameBytes.length && frameBytes.length > 0;
  return {
    offsetBytes,
    reason: bad?.reason ?? 'break',
    expected: bad?.expected,
    actual: bad?.actual,
    allZero: lastWrittenBytes === offsetBytes,
    endMarkPresent: present && frameBytes.toString('hex', frameBytes.length - 8) === header.endMark,
    hasZeroSector: hasZeroSector(frameBytes, offsetBytes),
    lastWrittenBytes,
  };
}

/**
 * Whether all that a sector of the file holds of `bytes`, which start at `offsetBytes` of it, is zero. The first part may
 * be short: where the sector before never reached the disk again, it shows the frames before as they were, and zeros.
 */
function hasZeroSector(bytes: Buffer, offsetBytes: number): boolean {
  for (let at = 0; at < bytes.length;) {
    const end = at + SECTOR_BYTES - ((offsetBytes + at) % SECTOR_BYTES);
    if (isZero(bytes.subarray(at, end))) return true;
    at = end;
  }
  return false;
}

/** One past the last 8-byte word that is not zero; `offsetBytes` where all behind it is. */
export async function findLastWritten(file: OpenFile, sizeBytes: number, offsetBytes: number): Promise<number> {
  const window = Buffer.allocUnsafeSlow(Math.min(TAIL_WINDOW_BYTES, Math.max(sizeBytes - offsetBytes, 0)));
  const zeros = Buffer.alloc(window.length);
  let last = offsetBytes;
  for (let at = offsetBytes; at < sizeBytes; at += TAIL_WINDOW_BYTES) {
    const count = await file.read(window, at);
    if (window.compare(zeros, 0, count, 0, count) === 0) continue;
    let index = count;
    while (window[index - 1] === 0) index -= 1;
    last = at + Math.ceil(index / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES;
  }
  return last;
}

/** The highest durable LSN that verifiable frames behind a bad one still prove. */
async function durableBeyond(
  file: OpenFile,
  endBytes: number,
  offsetBytes: number,
  header: SegmentHeader,
): Promise<Lsn> {
  let durableLsn = NO_LSN;
  for await (const { frame } of findFrames(file, { startBytes: offsetBytes, endBytes }, header)) {
    durableLsn = highest(durableLsn, frame.durableLsn);
  }
  return durableLsn;
}

function highest(a: Lsn, b: Lsn): Lsn {
  return a > b ? a : b;
}

export function futureFormat(path: string, offsetBytes: number): StoreError {
  return new StoreError(
    'future_format',
    `${path} was written by a later version of Holdfast; start that version, or a newer one.`,
    { context: { path, offset_bytes: offsetBytes } },
  );
}
