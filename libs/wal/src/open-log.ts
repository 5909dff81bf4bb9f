/** Opens a verified log for appending, or makes a new one. What stands on the disk is settled here, before any replay. */
import { makeDirectoryDurably } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { isDiskFull, lsn } from '#libs/kernel';
import type { ClusterId, LogId, Lsn } from '#libs/kernel';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { logDiskFull } from './log-disk-full.js';
import { isTemporaryName, logLayout } from './log-layout.js';
import type { LogLayout } from './log-layout.js';
import { rewriteActive } from './rewrite-active.js';
import { SegmentFactory } from './segment-factory.js';
import type { NamedSegment } from './segment-factory.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';
import type { SegmentScan } from './segment-scan.js';
import { setAsideSegments, setAsideTail } from './set-aside.js';
import type { VerifiedLog } from './verify-log.js';
import { WriteAheadLog } from './write-ahead-log.js';
import type { LogLimits } from './write-ahead-log.js';

export interface LogOptions {
  readonly segmentSizeBytes: number;
  readonly limits: LogLimits;
}

export interface NewLog {
  readonly clusterId: ClusterId;
  readonly logId: LogId;
  /** First LSN of the log: above every LSN that any store has seen. */
  readonly firstLsn: Lsn;
}

/** Makes a log where there is none; its first segment is durable on return. Throws `disk_full`. */
export async function createLog(
  fs: FileSystem,
  walPath: string,
  { clusterId, logId, firstLsn }: NewLog,
  options: LogOptions,
): Promise<WriteAheadLog> {
  const layout = logLayout(walPath);
  const factory = new SegmentFactory(fs, layout, options.segmentSizeBytes);
  const endMark = newEndMark();
  const checkpointLsn = lsn(firstLsn - 1);
  const header = { clusterId, logId, firstLsn, checkpointLsn, prev: 0, endMark };
  const active = await firstSegment(fs, layout, factory, header).catch((cause: unknown) => {
    if (!isDiskFull(cause)) throw cause;
    throw logDiskFull(layout, options.segmentSizeBytes, cause);
  });
  const position = { logId, endMark, lastLsn: checkpointLsn, lastChecksum: 0 };
  return new WriteAheadLog({
    fs,
    layout,
    clusterId,
    position,
    checkpointLsn,
    sealed: [],
    active,
    activeOffsetBytes: SEGMENT_HEADER_BYTES,
    factory,
    limits: options.limits,
  });
}

async function firstSegment(
  fs: FileSystem,
  layout: LogLayout,
  factory: SegmentFactory,
  header: SegmentHeader,
): Promise<NamedSegment> {
  await makeDirectoryDurably(fs, layout.segments);
  await removeTemporaries(fs, layout);
  return factory.name(await factory.blank(0), header);
}

export interface ReopenedLog {
  readonly log: WriteAheadLog;
  /** Path of the torn tail's copy, where there was one. */
  readonly tornTailPath: string | undefined;
  /** Paths to which segments without a valid header, below the checkpoint, were moved. */
  readonly setAsidePaths: readonly string[];
}

/** Opens a verified log: sets a torn tail aside, then rewrites the active segment. Throws `disk_full`. */
export async function openLog(
  fs: FileSystem,
  verified: VerifiedLog,
  options: LogOptions,
  nowMs: number,
): Promise<ReopenedLog> {
  const { layout, logId, endMark } = verified;
  await removeTemporaries(fs, layout);
  const scan = verified.segments.at(-1)!;
  const tornTailPath = verified.tail === 'torn' ? await setAsideTail(fs, layout, scan, nowMs) : undefined;
  const { file, sizeBytes } = await rewriteActive(fs, layout, scan);
  // Not before: the checkpoint that makes these useless may have stood in a page cache alone until now.
  for (const leftover of verified.leftovers) await fs.unlink(leftover.path);
  const setAsidePaths = await setAsideSegments(fs, layout, verified.unreadable, nowMs);
  const log = new WriteAheadLog({
    fs,
    layout,
    clusterId: verified.clusterId,
    position: { logId, endMark, lastLsn: scan.lastLsn, lastChecksum: scan.lastChecksum },
    checkpointLsn: verified.checkpointLsn,
    sealed: verified.segments.slice(0, -1).map(sealedSegment),
    active: { file, path: scan.path, header: scan.header, sizeBytes },
    activeOffsetBytes: scan.tail.offsetBytes,
    factory: new SegmentFactory(fs, layout, options.segmentSizeBytes),
    limits: options.limits,
  });
  return { log, tornTailPath, setAsidePaths };
}

function sealedSegment({ path, header, lastLsn, sizeBytes }: SegmentScan): {
  path: string;
  firstLsn: Lsn;
  lastLsn: Lsn;
  sizeBytes: number;
} {
  return { path, firstLsn: header.firstLsn, lastLsn, sizeBytes };
}

async function removeTemporaries(fs: FileSystem, layout: LogLayout): Promise<void> {
  for (const name of await fs.readDirectory(layout.segments)) {
    if (isTemporaryName(name)) await fs.unlink(join(layout.segments, name));
  }
}

/** The last byte is not zero, so that the end of a frame is never taken for unwritten space. */
function newEndMark(): string {
  const mark = randomBytes(8);
  mark[7] = mark[7]! | 1;
  return mark.toString('hex');
}
