/** `wal verify`: what a start would make of the log, found out by reading all of it. */
import { EXIT, exitCodeOf } from '#libs/kernel';
import type { ExitCode, Lsn, StoreError } from '#libs/kernel';
import { examineLog } from '#libs/recovery';
import type { LogExamination } from '#libs/recovery';
import { stoppedInstallation } from '../stopped-installation.js';
import type { LogSurvey } from '#libs/wal';
import { printJson, printLines } from '../terminal.js';
import type { OutputOptions } from '../terminal.js';

export const REPAIR_COMMAND = 'npm run holdfast -- wal repair';

export async function verify({ json }: OutputOptions): Promise<ExitCode> {
  const options = stoppedInstallation();
  const examination = await examineLog(options);
  if (json === true) printJson(verdictJson(examination));
  else printLines(verdictText(examination, options.walPath));
  const { verdict } = examination;
  return verdict.kind === 'refused' ? exitCodeOf(verdict.refusal) : EXIT.done;
}

/** The error that a start ends with, its facts beside it. */
export function refusalJson({ code, message, context }: StoreError): object {
  return { code, message, ...context };
}

/** The end of the log as a start takes it; of a refused log the last record that can be read. */
export function lastLsnOf({ verdict, survey }: LogExamination): Lsn | undefined {
  return 'verified' in verdict ? verdict.verified.lastLsn : survey?.segments.at(-1)?.lastLsn;
}

function verdictJson(examination: LogExamination): object {
  const { verdict, survey, catalog, appliedLsn } = examination;
  const isRefused = verdict.kind === 'refused';
  const isRepairable = isRefused && (verdict.refusal.code === 'log_corrupt' || verdict.refusal.code === 'log_behind');
  const segments = survey?.segments ?? [];
  return {
    verdict: verdict.kind,
    refusal: isRefused ? refusalJson(verdict.refusal) : null,
    command: isRepairable ? REPAIR_COMMAND : null,
    log_id: survey?.logId ?? null,
    cluster_id: survey?.clusterId ?? null,
    segments: segments.length,
    records: segments.reduce((sum, { records }) => sum + records.length, 0),
    first_lsn: segments[0]?.firstLsn ?? null,
    last_lsn: lastLsnOf(examination) ?? null,
    checkpoint_lsn: survey?.checkpointLsn ?? null,
    catalog,
    applied_lsn: appliedLsn ?? null,
  };
}

function* verdictText(examination: LogExamination, walPath: string): Generator<string> {
  const { verdict, survey, catalog, appliedLsn } = examination;
  if (verdict.kind === 'none') {
    yield `There is no log in ${walPath}; a start begins one.`;
    return;
  }
  if (survey !== undefined) {
    yield `${walPath}: ${recordsText(survey, lastLsnOf(examination))}, checkpoint ${survey.checkpointLsn}, ${catalogText(catalog, appliedLsn)}`;
  }
  switch (verdict.kind) {
    case 'clean':
      yield 'The log is whole.';
      return;
    case 'torn': {
      const { path, tail } = verdict.verified.segments.at(-1)!;
      yield `The log is whole up to a torn tail (${path}, offset ${tail.offsetBytes}, ${tail.reason}): what a power cut left of records that were never acknowledged. A start sets it aside.`;
      return;
    }
    case 'refused':
      yield `A start refuses (${verdict.refusal.code}): ${verdict.refusal.message}`;
  }
}

/** A new log begins above all that was ever stored, and has no record yet. */
function recordsText({ segments }: LogSurvey, lastLsn: Lsn | undefined): string {
  const records = segments.reduce((sum, segment) => sum + segment.records.length, 0);
  const firstLsn = segments[0]!.firstLsn;
  if (records === 0) return `no records yet, the first one will be LSN ${firstLsn}`;
  return `${records} record${records === 1 ? '' : 's'} in ${segments.length} segment${segments.length === 1 ? '' : 's'}, LSN ${firstLsn} to ${lastLsn}`;
}

function catalogText(catalog: LogExamination['catalog'], appliedLsn: Lsn | undefined): string {
  if (catalog !== 'sound') return `catalog ${catalog}`;
  return appliedLsn === undefined
    ? 'catalog of another log, which a start builds anew'
    : `catalog applied through ${appliedLsn}`;
}
