/** `wal ls`: the segments of the log, and where it ends. */
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { examineLog } from '#libs/recovery';
import type { LogExamination } from '#libs/recovery';
import type { SegmentSurvey } from '#libs/wal';
import { stoppedInstallation } from '../stopped-installation.js';
import { printJson, printLines, table } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';
import { lastLsnOf, refusalJson } from './verify.js';

/** Listing damage is no failure; `wal verify` has the exit code. */
export async function listSegments({ json }: OutputOptions): Promise<ExitCode> {
  const options = stoppedInstallation();
  const examination = await examineLog(options);
  if (json === true) printJson(listingJson(examination));
  else printLines(listingText(examination, options.walPath));
  return EXIT.done;
}

/** Where the log ends, and how. */
function endOf({ verdict }: LogExamination): 'none' | 'end' | 'torn' | 'corrupt' {
  switch (verdict.kind) {
    case 'none':
      return 'none';
    case 'clean':
      return 'end';
    case 'torn':
      return 'torn';
    case 'refused':
      return verdict.refusal.code === 'log_corrupt' ? 'corrupt' : 'end';
  }
}

interface Row {
  readonly segment: SegmentSurvey;
  readonly state: 'sealed' | 'active';
}

function rowsOf({ survey }: LogExamination): Row[] {
  const segments = survey?.segments ?? [];
  return segments.map((segment, index) => ({ segment, state: index === segments.length - 1 ? 'active' : 'sealed' }));
}

function listingJson(examination: LogExamination): object {
  const { survey, verdict } = examination;
  return {
    log_id: survey?.logId ?? null,
    cluster_id: survey?.clusterId ?? null,
    checkpoint_lsn: survey?.checkpointLsn ?? null,
    last_lsn: lastLsnOf(examination) ?? null,
    end: endOf(examination),
    refusal: verdict.kind === 'refused' ? refusalJson(verdict.refusal) : null,
    segments: rowsOf(examination).map(({ segment, state }) => ({
      segment_id: segment.segmentId,
      path: segment.path,
      first_lsn: segment.firstLsn,
      last_lsn: segment.lastLsn,
      records: segment.records.length,
      damages: segment.damages.length,
      size_bytes: segment.sizeBytes,
      state,
    })),
  };
}

function* listingText(examination: LogExamination, walPath: string): Generator<string> {
  const { survey, verdict } = examination;
  if (verdict.kind === 'none') {
    yield `There is no log in ${walPath}.`;
    return;
  }
  if (survey !== undefined) {
    yield* table(
      ['SEGMENT', 'FIRST LSN', 'LAST LSN', 'RECORDS', 'BYTES', 'STATE'],
      rowsOf(examination).map(({ segment, state }) => [
        segment.segmentId,
        segment.firstLsn,
        segment.lastLsn,
        segment.records.length,
        segment.sizeBytes,
        segment.damages.length === 0 || endOf(examination) === 'torn' ? state : `${state}, damaged`,
      ]),
    );
    yield `log ${survey.logId ?? 'unknown'}, checkpoint ${survey.checkpointLsn}, last LSN ${lastLsnOf(examination)}: ${endOf(examination)}`;
  }
  if (verdict.kind === 'refused') yield `A start refuses: ${verdict.refusal.message}`;
}
