/**
 * What a repair of the log would do, and what it can and cannot know. Pure: facts in, plan out.
 *
 * A frame proves itself alone, so every record that can still be read above the checkpoint, before and behind the damage,
 * is good. The plan is to apply them to the primary, together with what apply had written there already, in LSN order;
 * then the log is not needed any more and can be set aside whole, and a new one begins above every LSN ever given.
 * Below the checkpoint there is nothing to do: all of it is durable in the primary.
 */
import type { CatalogedFile } from '#libs/catalog';
import { lsn, MIN_FRAME_BYTES } from '#libs/kernel';
import type { FileId, LogId, Lsn, StoreError } from '#libs/kernel';
import type { Damage, LogSurvey, SurveyedRecord } from '#libs/wal';

/** A manifest or tombstone of this log above the checkpoint that stands whole on the primary. */
export interface StandingChange {
  readonly kind: 'put' | 'delete';
  readonly fileId: FileId;
  readonly fileName: string | undefined;
  readonly lsn: Lsn;
}

export interface RepairFacts {
  /** Why a start refuses. */
  readonly refusal: StoreError;
  readonly logId: LogId;
  readonly survey: LogSurvey;
  readonly standing: readonly StandingChange[];
  /** Files among those of the log that have a tombstone on the primary, whatever its LSN. */
  readonly tombstoned: ReadonlySet<FileId>;
  /** Files with a manifest on the primary among those that the log only begins. */
  readonly stored: ReadonlySet<FileId>;
  /** What the catalog has of this log above the checkpoint. */
  readonly cataloged: readonly CatalogedFile[];
  /** Files that stand or can be salvaged, with their names, that the catalog does not have although it saw their records. */
  readonly deletedInCatalog: ReadonlyMap<FileId, string>;
  /** Highest LSN of this log that the catalog or the primary proves. */
  readonly provenLsn: Lsn;
  /** Highest LSN of any log in the catalog and in the reachable stores. */
  readonly highestStoredLsn: Lsn;
}

export interface LostRange {
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  /** `exact`: so many records are missing; `at_most`: behind the last readable record nobody can count them. */
  readonly count: 'exact' | 'at_most';
  /** `proven`: all of it had been synced, and answered; `possible`: it may never have been. */
  readonly durable: 'proven' | 'possible';
}

export type SalvageStep = Pick<StandingChange, 'kind' | 'fileId' | 'lsn'> & {
  /** Absent: from the primary itself, written there again because nobody knows whether its disk has it. */
  readonly record: SurveyedRecord | undefined;
};

/** `kept`: whole on the primary. `undeleted`: comes back. `lost`: known, and gone. `unknown`: begun, and no more is known. */
export type FileFate = 'kept' | 'kept_deleted' | 'undeleted' | 'lost' | 'unknown';

export interface AffectedFile {
  readonly fate: FileFate;
  readonly fileId: FileId;
  readonly fileName: string | undefined;
  /** Of its record that cannot be read, where that is known. */
  readonly lsn: Lsn | undefined;
}

export interface RepairPlan {
  readonly refusal: StoreError;
  readonly logId: LogId;
  readonly checkpointLsn: Lsn;
  /** LSN of the last record that can be read, wherever it stands. */
  readonly lastReadableLsn: Lsn;
  readonly damages: readonly Damage[];
  readonly lost: readonly LostRange[];
  /** Lost LSNs, of those that can be counted, of which neither primary nor catalog knows anything. */
  readonly untracedRecords: number;
  readonly salvage: readonly SalvageStep[];
  readonly files: readonly AffectedFile[];
  /** Where the new log begins. */
  readonly nextLsn: Lsn;
}

export function planRepair(facts: RepairFacts): RepairPlan {
  const { refusal, logId, survey } = facts;
  const { checkpointLsn } = survey;
  const records = survey.segments.flatMap((segment) => segment.records).toSorted((a, b) => a.lsn - b.lsn);
  const durableLsn = Math.max(survey.durableLsn, facts.provenLsn);
  const lastReadableLsn = lsn(Math.max(checkpointLsn, records.at(-1)?.lsn ?? 0));
  const endLsn = Math.max(lastReadableLsn, durableLsn);
  const bounds = { afterLsn: checkpointLsn, endLsn, beyondLsn: lastPossibleLsn(survey), durableLsn };
  const lost = lostRanges(
    records.map((record) => record.lsn),
    bounds,
  );
  return {
    refusal,
    logId,
    checkpointLsn,
    lastReadableLsn,
    damages: survey.segments.flatMap((segment) => segment.damages),
    lost,
    untracedRecords: untracedRecords(facts, lost),
    salvage: salvageSteps(facts, records),
    files: affectedFiles(facts, records, lost),
    nextLsn: lsn(Math.max(endLsn, lost.at(-1)?.lastLsn ?? 0, facts.highestStoredLsn) + 1),
  };
}

function untracedRecords({ standing, cataloged }: RepairFacts, lost: readonly LostRange[]): number {
  const countable = lost.filter(({ count }) => count === 'exact');
  const traced = [...standing, ...cataloged].filter((change) => isWithin(countable, change));
  const lostRecords = countable.reduce((sum, { firstLsn, lastLsn }) => sum + lastLsn - firstLsn + 1, 0);
  return lostRecords - new Set(traced.map((change) => change.lsn)).size;
}

/** The last LSN that the bytes behind the last readable record can have carried. */
function lastPossibleLsn({ segments }: LogSurvey): number {
  const damage = segments.at(-1)?.damages.at(-1);
  if (damage === undefined || damage.afterLsn !== segments.at(-1)?.lastLsn) return 0;
  return damage.afterLsn + Math.floor((damage.endBytes - damage.offsetBytes) / MIN_FRAME_BYTES);
}

interface LsnBounds {
  readonly afterLsn: number;
  /** Up to here something tells that the LSN was given. */
  readonly endLsn: number;
  readonly beyondLsn: number;
  readonly durableLsn: number;
}

/** `readable`: ascending. */
function lostRanges(readable: readonly Lsn[], bounds: LsnBounds): LostRange[] {
  const { afterLsn, endLsn, beyondLsn, durableLsn } = bounds;
  const ranges: LostRange[] = [];
  const add = (firstLsn: number, lastLsn: number, rest: Pick<LostRange, 'count' | 'durable'>): void => {
    if (firstLsn <= lastLsn) ranges.push({ firstLsn: lsn(firstLsn), lastLsn: lsn(lastLsn), ...rest });
  };
  let expected = afterLsn + 1;
  for (const each of [...readable, endLsn + 1]) {
    add(expected, Math.min(each - 1, durableLsn), { count: 'exact', durable: 'proven' });
    add(Math.max(expected, durableLsn + 1), each - 1, { count: 'exact', durable: 'possible' });
    expected = Math.max(expected, each + 1);
  }
  add(endLsn + 1, beyondLsn, { count: 'at_most', durable: 'possible' });
  return ranges;
}

const isWithin = (ranges: readonly LostRange[], { lsn: each }: { readonly lsn: Lsn }): boolean =>
  ranges.some(({ firstLsn, lastLsn }) => firstLsn <= each && each <= lastLsn);

/** Tombstones win: a put whose file is known to be deleted is not brought back, not even for a moment. */
function salvageSteps(facts: RepairFacts, records: readonly SurveyedRecord[]): SalvageStep[] {
  const { survey, standing, tombstoned } = facts;
  const changes = records.filter((record) => record.lsn > survey.checkpointLsn && isChange(record));
  const deleted = new Set([...tombstoned, ...deletedFiles(changes), ...standingDeletes(standing)]);
  const readable = new Set(changes.map((record) => record.lsn));
  const fromLog = changes.map((record): SalvageStep => {
    const kind = record.type === 'file_put' ? 'put' : 'delete';
    return { kind, fileId: record.fileId!, lsn: record.lsn, record };
  });
  const fromPrimary = standing
    .filter((change) => !readable.has(change.lsn))
    .map(({ kind, fileId, lsn: changeLsn }): SalvageStep => ({ kind, fileId, lsn: changeLsn, record: undefined }));
  return [...fromLog, ...fromPrimary]
    .filter(({ kind, fileId }) => kind === 'delete' || !deleted.has(fileId))
    .toSorted((a, b) => a.lsn - b.lsn);
}

function affectedFiles(
  facts: RepairFacts,
  records: readonly SurveyedRecord[],
  lost: readonly LostRange[],
): AffectedFile[] {
  const { standing, cataloged, tombstoned, stored, deletedInCatalog } = facts;
  const deleted = new Set([...tombstoned, ...deletedFiles(records), ...standingDeletes(standing)]);
  const puts = new Set([...putFiles(records), ...standing.map(({ fileId }) => fileId)]);
  const kept = standing
    .filter((change) => isWithin(lost, change) && (change.kind === 'delete' || !deleted.has(change.fileId)))
    .map(({ kind, ...file }): AffectedFile => ({ fate: kind === 'put' ? 'kept' : 'kept_deleted', ...file }));
  const gone = cataloged
    .filter((file) => isWithin(lost, file) && !puts.has(file.fileId) && !deleted.has(file.fileId))
    .map((file): AffectedFile => ({ fate: 'lost', ...file }));
  const undeleted = [...deletedInCatalog]
    .filter(([fileId]) => !deleted.has(fileId))
    .map(([fileId, fileName]): AffectedFile => ({ fate: 'undeleted', fileId, fileName, lsn: undefined }));
  const known = new Set([...puts, ...deleted, ...stored, ...gone.map(({ fileId }) => fileId)]);
  const begun = records
    .filter(({ type, fileId }) => type === 'upload_begin' && !known.has(fileId!))
    .filter((begin) => lost.some(({ lastLsn }) => lastLsn > begin.lsn))
    .map(({ fileId }): AffectedFile => ({ fate: 'unknown', fileId: fileId!, fileName: undefined, lsn: undefined }));
  return [...kept, ...undeleted, ...gone, ...begun];
}

function isChange({ type }: SurveyedRecord): boolean {
  return type === 'file_put' || type === 'file_delete';
}

function putFiles(records: readonly SurveyedRecord[]): FileId[] {
  return records.filter(({ type }) => type === 'file_put').map(({ fileId }) => fileId!);
}

function deletedFiles(records: readonly SurveyedRecord[]): FileId[] {
  return records.filter(({ type }) => type === 'file_delete').map(({ fileId }) => fileId!);
}

function standingDeletes(standing: readonly StandingChange[]): FileId[] {
  return standing.filter(({ kind }) => kind === 'delete').map(({ fileId }) => fileId);
}
