/** What a repair found and did, said as exactly as it can be known. */
import type {
  AffectedFile,
  DoneRepair,
  IncompleteFile,
  LostRange,
  PlannedRepair,
  RepairOutcome,
  RepairPlan,
} from '#libs/recovery';
import type { Damage } from '#libs/wal';
import { quoted } from '../terminal.js';
import { refusalJson, REPAIR_COMMAND } from './verify.js';

export type Outcome = RepairOutcome<PlannedRepair | DoneRepair>;

export function repairJson(outcome: Outcome): object {
  if (outcome.kind === 'not_needed') return { outcome: outcome.kind, verdict: outcome.verdict.kind };
  const { plan, incomplete } = outcome;
  const done = outcome.kind === 'done' ? outcome : undefined;
  return {
    outcome: outcome.kind,
    refusal: refusalJson(plan.refusal),
    command: done === undefined ? `${REPAIR_COMMAND} --yes` : null,
    log_id: plan.logId,
    checkpoint_lsn: plan.checkpointLsn,
    last_readable_lsn: plan.lastReadableLsn,
    damages: plan.damages.map(({ path, offsetBytes, endBytes, reason, expected, actual, afterLsn }) => ({
      path,
      offset_bytes: offsetBytes,
      end_bytes: endBytes,
      after_lsn: afterLsn,
      reason,
      expected: expected ?? null,
      actual: actual ?? null,
    })),
    lost: plan.lost.map(({ firstLsn, lastLsn, count, durable }) => ({
      first_lsn: firstLsn,
      last_lsn: lastLsn,
      count,
      durable,
    })),
    untraced_records: plan.untracedRecords,
    salvaged: salvageCounts(plan),
    files: plan.files.map(({ fate, fileId, fileName, lsn }) => ({
      fate,
      file_id: fileId,
      file_name: fileName ?? null,
      lsn: lsn ?? null,
    })),
    incomplete_files: incomplete.map(({ fileId, fileName, missingChunks }) => ({
      file_id: fileId,
      file_name: fileName,
      missing_chunks: missingChunks,
    })),
    set_aside_path: done?.setAsidePath ?? null,
    new_log_id: done?.newLogId ?? null,
    next_lsn: plan.nextLsn,
  };
}

interface SalvageCounts {
  readonly records: number;
  readonly files: number;
  readonly deletes: number;
}

function salvageCounts({ salvage }: RepairPlan): SalvageCounts {
  const files = salvage.filter(({ kind }) => kind === 'put').length;
  return { records: salvage.length, files, deletes: salvage.length - files };
}

export function* repairText(outcome: Outcome, walPath: string): Generator<string> {
  if (outcome.kind === 'not_needed') {
    yield* notNeededText(outcome.verdict.kind, walPath);
    return;
  }
  const { plan, incomplete } = outcome;
  yield introduction(outcome);
  yield* section('Damaged:', plan.damages.map(damageText));
  yield* section('Records that cannot be read:', [...plan.lost.map(rangeText), ...untracedText(plan)]);
  yield* section('Files that this touches:', [...plan.files.map(fileText), ...incomplete.map(incompleteText)]);
  yield '';
  yield* outcome.kind === 'done' ? doneText(outcome) : plannedText(plan, walPath);
}

/** Damage is told below, place by place; of a log that ends too early there is none. */
function introduction({ kind, plan: { refusal } }: PlannedRepair | DoneRepair): string {
  if (kind === 'done') return 'The log is repaired.';
  return refusal.code === 'log_behind' ? refusal.message : `A start refuses this log (${refusal.code}).`;
}

function* notNeededText(verdict: 'none' | 'clean' | 'torn', walPath: string): Generator<string> {
  if (verdict === 'none') yield `There is no log in ${walPath}, and nothing to repair; a start begins one.`;
  if (verdict === 'clean') yield 'The log is whole: there is nothing to repair.';
  if (verdict === 'torn') {
    yield 'The log is whole up to a torn tail, which a start sets aside by itself: there is nothing to repair.';
  }
}

function* section(title: string, lines: readonly string[]): Generator<string> {
  if (lines.length === 0) return;
  yield '';
  yield title;
  for (const line of lines) yield `  ${line}`;
}

function damageText({ path, offsetBytes, endBytes, reason, expected, actual }: Damage): string {
  const sums = expected === undefined ? '' : `, expected ${expected}, found ${actual ?? 'none'}`;
  return `${path}, offset ${offsetBytes} to ${endBytes}: ${reason}${sums}`;
}

function rangeText({ firstLsn, lastLsn, count, durable }: LostRange): string {
  const which = firstLsn === lastLsn ? `LSN ${firstLsn}` : `LSN ${firstLsn} to ${lastLsn}`;
  if (count === 'at_most')
    return `${which} at most, if they were ever given; nothing shows that they were acknowledged`;
  return durable === 'proven' ? `${which}, which had been durable` : `${which}, which may never have been acknowledged`;
}

function* untracedText({ untracedRecords, lost }: RepairPlan): Generator<string> {
  if (untracedRecords === 0 && lost.every(({ count }) => count === 'exact')) return;
  const count = untracedRecords === 0 ? 'What' : `${untracedRecords} of these`;
  yield `${count} left no other trace: a small file may be lost without its name being known, and a deleted file may come back`;
}

function fileText({ fate, fileId, fileName, lsn }: AffectedFile): string {
  const file = `${fileId}${fileName === undefined ? '' : ` ${quoted(fileName)}`}${lsn === undefined ? '' : ` (LSN ${lsn})`}`;
  switch (fate) {
    case 'kept':
      return `kept: ${file} is whole on the primary`;
    case 'kept_deleted':
      return `kept: ${file} stays deleted, its tombstone is on the primary`;
    case 'undeleted':
      return `comes back: ${file} was deleted, as the catalog knows, by a record that cannot be read`;
    case 'lost':
      return `lost: ${file} is in the catalog, and its manifest is nowhere else`;
    case 'unknown':
      return `unknown: the upload of ${file} had begun; whether it was acknowledged cannot be known, and it is not there`;
  }
}

function incompleteText({ fileId, fileName, missingChunks }: IncompleteFile): string {
  return `incomplete: ${fileId} ${quoted(fileName)} is kept, but ${missingChunks} of its chunks are missing on the primary`;
}

function countsText({ records, files, deletes }: SalvageCounts): string {
  return `${records} record${records === 1 ? '' : 's'} (files: ${files}, deletes: ${deletes})`;
}

function* plannedText(plan: RepairPlan, walPath: string): Generator<string> {
  yield `A repair would write ${countsText(salvageCounts(plan))} above checkpoint ${plan.checkpointLsn} into the primary, set ${walPath}/segments aside as`;
  yield `${walPath}/set-aside-<time>, and begin a new log at LSN ${plan.nextLsn}. It deletes nothing. Nothing was changed yet.`;
  yield plan.refusal.code === 'log_behind'
    ? 'If there is a newer copy of the log, put it back instead. Without one:'
    : 'If there is a good copy of what is damaged, put it in its place instead. Without one:';
  yield `  ${REPAIR_COMMAND} --yes`;
}

function* doneText({ plan, setAsidePath, newLogId }: DoneRepair): Generator<string> {
  yield `${countsText(salvageCounts(plan))} above checkpoint ${plan.checkpointLsn} are durable in the primary. The damaged log is in`;
  yield `${setAsidePath}; keep it until you are sure. The new log ${newLogId} begins at LSN ${plan.nextLsn}. The server can start.`;
}
