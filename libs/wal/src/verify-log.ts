/**
 * Verifies a whole log before anything is replayed: every segment is scanned, then judged against all durable evidence.
 * Reads only; opening the log (open-log.ts) carries the verdict out.
 */
import type { FileSystem } from '#libs/durable-fs';
import { checksumText, lsn, nextLsn, NO_LSN, StoreError } from '#libs/kernel';
import type { ClusterId, LogId, Lsn } from '#libs/kernel';
import { join } from 'node:path';
import { logLayout, parseSegmentName } from './log-layout.js';
import type { LogLayout } from './log-layout.js';
import { scanSegment } from './segment-scan.js';
import type { SegmentReading, SegmentScan } from './segment-scan.js';
import { tailVerdict } from './tail-verdict.js';

export interface VerifiedLog {
  readonly layout: LogLayout;
  readonly clusterId: ClusterId;
  readonly logId: LogId;
  readonly endMark: string;
  /** In LSN order, without gaps above the checkpoint; the last is the active one. */
  readonly segments: readonly SegmentScan[];
  /** Segments before a gap at or below the checkpoint: of no use, to be removed. */
  readonly leftovers: readonly SegmentScan[];
  /** Paths of segments without a valid header, wholly below the checkpoint: of no use, but of unknown content. */
  readonly unreadable: readonly string[];
  readonly checkpointLsn: Lsn;
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  /** `torn`: the active segment's tail must be set aside before the log is used. */
  readonly tail: 'end' | 'torn';
}

/** Highest LSN of `logId` that something outside the log proves durable; 0 where nothing does. */
export type OutsideEvidence = (logId: LogId) => Lsn;

/**
 * `undefined` where there is no log at all. Throws `log_corrupt`, `log_behind`, `log_mismatch` or `future_format`, each
 * naming segment, offset and LSN.
 */
export async function verifyLog(
  fs: FileSystem,
  walPath: string,
  outsideEvidence: OutsideEvidence,
): Promise<VerifiedLog | undefined> {
  const layout = logLayout(walPath);
  const readings = await readSegments(fs, layout);
  if (readings.length === 0) return undefined;
  const scans = readings.flatMap((reading) => (reading.ok ? [reading.scan] : []));
  assertOneLog(scans);
  const checkpointLsn = lsn(Math.max(NO_LSN, ...scans.map((scan) => scan.checkpointLsn)));
  const unreadable = unreadableBelow(readings, checkpointLsn);
  const segments = aboveGaps(scans, checkpointLsn);
  const active = segments.at(-1)!;
  const applied = outsideEvidence(active.header.logId);
  const successorEnds = scans.slice(1).map((scan) => scan.header.firstLsn - 1);
  const durable = Math.max(applied, checkpointLsn, ...scans.map((scan) => scan.durableLsn), ...successorEnds);
  return {
    layout,
    clusterId: active.header.clusterId,
    logId: active.header.logId,
    endMark: active.header.endMark,
    segments,
    leftovers: scans.slice(0, scans.length - segments.length),
    unreadable,
    checkpointLsn,
    firstLsn: segments[0]!.header.firstLsn,
    lastLsn: active.lastLsn,
    tail: judgeTail(active, lsn(durable), applied),
  };
}

async function readSegments(fs: FileSystem, layout: LogLayout): Promise<SegmentReading[]> {
  if ((await fs.stat(layout.segments)) === undefined) return [];
  const names = (await fs.readDirectory(layout.segments)).filter((name) => parseSegmentName(name) !== undefined).sort();
  const readings: SegmentReading[] = [];
  for (const name of names) {
    const reading = await scanSegment(fs, join(layout.segments, name));
    if (reading.ok && reading.scan.header.firstLsn !== parseSegmentName(name)) throw headerCorrupt(reading.scan.path);
    readings.push(reading);
  }
  return readings;
}

/**
 * The segments without a valid header, which may only be passed over where the one that follows starts at or below
 * checkpoint + 1: what they held is in the store. The highest has none that follows, and no order of our steps leaves a
 * segment with a name and without a header, so it has rotted.
 */
function unreadableBelow(readings: readonly SegmentReading[], checkpointLsn: Lsn): string[] {
  const unreadable: string[] = [];
  let nextFirstLsn = Number.POSITIVE_INFINITY;
  for (const reading of readings.toReversed()) {
    if (reading.ok) nextFirstLsn = reading.scan.header.firstLsn;
    else if (nextFirstLsn - 1 <= checkpointLsn) unreadable.unshift(reading.path);
    else throw headerCorrupt(reading.path);
  }
  return unreadable;
}

function assertOneLog(scans: readonly SegmentScan[]): void {
  const [first] = scans;
  const stranger = scans.find((scan) => scan.header.logId !== first?.header.logId);
  if (first === undefined || stranger === undefined) return;
  throw new StoreError('log_mismatch', `${stranger.path} is of another log than ${first.path}; move it away.`, {
    context: { path: stranger.path, expected_log_id: first.header.logId, actual_log_id: stranger.header.logId },
  });
}

/**
 * The segments behind the last gap. A gap (a segment missing, or one whose frames stop early) means nothing at or below
 * the checkpoint, where everything is in the store; above it, acknowledged records are missing.
 */
function aboveGaps(scans: readonly SegmentScan[], checkpointLsn: Lsn): readonly SegmentScan[] {
  let start = 0;
  if (scans[0]!.header.firstLsn > checkpointLsn + 1) throw gap(scans[0]!, lsn(checkpointLsn + 1));
  for (let index = 1; index < scans.length; index += 1) {
    const before = scans[index - 1]!;
    const here = scans[index]!;
    const joined = before.lastLsn + 1 === here.header.firstLsn && before.lastChecksum === here.header.prev;
    if (joined) continue;
    if (here.header.firstLsn - 1 > checkpointLsn) throw brokenBefore(before, here);
    start = index;
  }
  return scans.slice(start);
}

function judgeTail(active: SegmentScan, durable: Lsn, applied: Lsn): 'end' | 'torn' {
  const badLsn = nextLsn(active.lastLsn);
  const verdict = tailVerdict(badLsn, durable, active.tail);
  if (verdict !== 'corrupt') return verdict;
  if (active.tail.allZero && applied >= badLsn) {
    throw new StoreError(
      'log_behind',
      `The log ends at LSN ${active.lastLsn} but LSN ${applied} has been applied: is an old copy of wal/ in place? Put the newer one back; without one, \`npm run holdfast -- wal repair\` says what can be kept.`,
      { context: { path: active.path, log_last_lsn: active.lastLsn, applied_lsn: applied } },
    );
  }
  throw frameCorrupt(active, badLsn, durable);
}

function frameCorrupt(scan: SegmentScan, badLsn: Lsn, durable: Lsn): StoreError {
  const { tail } = scan;
  return new StoreError(
    'log_corrupt',
    `${scan.path} is damaged at offset ${tail.offsetBytes} (LSN ${badLsn}, ${tail.reason}); up to LSN ${durable} was promised. ${KEEP_AND_ASK}`,
    {
      context: {
        path: scan.path,
        offset_bytes: tail.offsetBytes,
        lsn: badLsn,
        durable_lsn: durable,
        reason: tail.reason,
        expected: tail.expected === undefined ? null : checksumText(tail.expected),
        actual: tail.actual === undefined ? null : checksumText(tail.actual),
      },
    },
  );
}

const KEEP_AND_ASK =
  'Nothing was changed. Keep a copy of wal/ and of the stores; then `npm run holdfast -- wal repair` says what can be kept.';

function brokenBefore(before: SegmentScan, here: SegmentScan): StoreError {
  const missing = nextLsn(before.lastLsn);
  if (before.tail.allZero) return gap(here, missing);
  return frameCorrupt(before, missing, lsn(here.header.firstLsn - 1));
}

function gap(scan: SegmentScan, expectedFirst: Lsn): StoreError {
  return new StoreError(
    'log_corrupt',
    `The log lacks LSN ${expectedFirst} to ${scan.header.firstLsn - 1}, before ${scan.path}. ${KEEP_AND_ASK}`,
    {
      context: {
        path: scan.path,
        offset_bytes: 0,
        lsn: expectedFirst,
        expected: expectedFirst,
        actual: scan.header.firstLsn,
      },
    },
  );
}

function headerCorrupt(path: string): StoreError {
  return new StoreError('log_corrupt', `${path} has no valid segment header. ${KEEP_AND_ASK}`, {
    context: { path, offset_bytes: 0, lsn: null, expected: null, actual: null },
  });
}
