/** Gathers what a repair of the log is planned from: the primary, the catalog and the replicas, beside the log itself. */
import { effectOf } from '#libs/apply';
import type { CatalogSight } from '#libs/catalog';
import { decodeManifest, decodeWholeFrame, lsn, NO_LSN, StoreError } from '#libs/kernel';
import type { FileId, Frame, LogId, Lsn } from '#libs/kernel';
import { PrimaryStore } from '#libs/stores';
import { readSurveyed } from '#libs/wal';
import type { LogSurvey, SurveyedRecord } from '#libs/wal';
import { identifyPrimary, primaryEmpty } from './bind-stores.js';
import type { StoppedOptions } from './examine-log.js';
import type { RepairFacts, SalvageStep, StandingChange } from './repair-plan.js';
import { highestStoredLsn, storedRecords } from './stored-records.js';

export interface Damaged {
  readonly options: StoppedOptions;
  readonly refusal: StoreError;
  readonly survey: LogSurvey;
  readonly sight: CatalogSight;
}

/** The primary of a damaged log. Throws where it is not there, or not the log's. */
export async function primaryOf({ options, survey, sight }: Damaged): Promise<PrimaryStore> {
  const identity = await identifyPrimary({ ...options, logCluster: survey.clusterId });
  const knower = survey.clusterId ?? (sight.ok ? sight.catalog.clusterId : undefined);
  if (identity !== undefined) return new PrimaryStore(options.fs, options.storagePath, identity);
  if (knower !== undefined) throw primaryEmpty(options.storagePath, knower);
  throw ownerUnknown(survey);
}

export async function gatherFacts(damaged: Damaged, primary: PrimaryStore): Promise<RepairFacts> {
  const { refusal, survey, sight } = damaged;
  const { logId } = survey;
  if (logId === undefined) throw ownerUnknown(survey);
  const seen = await readPrimary(damaged, primary, logId);
  const { clusterId } = primary.identity;
  const ourCatalog = sight.ok && sight.catalog.clusterId === clusterId ? sight.catalog : undefined;
  const appliedLsn = ourCatalog?.appliedLsn(logId);
  if (survey.clusterId === undefined && appliedLsn === undefined && !seen.knowsLog) throw ownerUnknown(survey);
  const records = survey.segments.flatMap((segment) => segment.records);
  const putsInLog = records.filter(({ type, lsn: each }) => type === 'file_put' && each > survey.checkpointLsn);
  for (const { fileId, fileName, lsn: putLsn } of putsInLog) {
    seen.noteFile({ fileId: fileId!, fileName: fileName!, logId, lsn: putLsn });
  }
  const ends = (record: SurveyedRecord): boolean => record.type === 'file_put' || record.type === 'file_delete';
  const ended = new Set(records.filter(ends).map(({ fileId }) => fileId));
  const onlyBegun = records.filter(({ type, fileId }) => type === 'upload_begin' && !ended.has(fileId));
  const touched = new Set([...putsInLog, ...onlyBegun].map(({ fileId }) => fileId!));
  for (const fileId of seen.deletedInCatalog.keys()) touched.add(fileId);
  return {
    refusal,
    logId,
    survey,
    standing: seen.standing,
    tombstoned: await standingIds(primary, 'tombstone', touched),
    stored: await standingIds(primary, 'manifest', new Set(onlyBegun.map(({ fileId }) => fileId!))),
    cataloged: ourCatalog?.filesAbove(logId, survey.checkpointLsn) ?? [],
    deletedInCatalog: seen.deletedInCatalog,
    provenLsn: lsn(Math.max(appliedLsn ?? NO_LSN, ...seen.standing.map((change) => change.lsn).slice(-1))),
    highestStoredLsn: lsn(
      Math.max(
        seen.highestLsn,
        sight.ok ? sight.catalog.highestAppliedLsn() : NO_LSN,
        await highestOnReplicas(damaged, primary),
      ),
    ),
  };
}

interface SeenFile {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly logId: LogId;
  readonly lsn: Lsn;
}

interface SeenPrimary {
  /** By LSN. */
  readonly standing: readonly StandingChange[];
  readonly highestLsn: Lsn;
  /** Something on the primary is of this log. */
  readonly knowsLog: boolean;
  readonly deletedInCatalog: Map<FileId, string>;
  noteFile(file: SeenFile): void;
}

async function readPrimary(damaged: Damaged, primary: PrimaryStore, logId: LogId): Promise<SeenPrimary> {
  const { options, survey, sight } = damaged;
  const standing: StandingChange[] = [];
  const deletedInCatalog = new Map<FileId, string>();
  let highestLsn: Lsn = NO_LSN;
  let knowsLog = false;
  const noteFile = (file: SeenFile): void => {
    if (!sight.ok || sight.catalog.clusterId !== primary.identity.clusterId) return;
    const sawIt = (sight.catalog.appliedLsn(file.logId) ?? NO_LSN) >= file.lsn;
    if (sawIt && !sight.catalog.hasFile(file.fileId)) deletedInCatalog.set(file.fileId, file.fileName);
  };
  for (const kind of ['manifest', 'tombstone'] as const) {
    for await (const { frames, damaged: damagedIds } of storedRecords(primary, kind)) {
      for (const id of damagedIds) options.log.warn({ kind, id }, 'a record on the primary is damaged');
      for (const frame of frames) {
        if (frame.lsn > highestLsn) highestLsn = frame.lsn;
        knowsLog ||= frame.logId === logId;
        const change = changeOf(frame);
        if (change.kind === 'put') noteFile({ ...change, fileName: change.fileName!, logId: frame.logId });
        if (frame.logId === logId && frame.lsn > survey.checkpointLsn) standing.push(change);
      }
    }
  }
  standing.sort((a, b) => a.lsn - b.lsn);
  return { standing, highestLsn, knowsLog, deletedInCatalog, noteFile };
}

function changeOf(frame: Frame): StandingChange {
  const effect = effectOf(frame);
  if (effect.kind === 'put') {
    return { kind: 'put', fileId: effect.fileId, fileName: effect.manifest.fileName, lsn: frame.lsn };
  }
  if (effect.kind === 'delete') return { kind: 'delete', fileId: effect.fileId, fileName: undefined, lsn: frame.lsn };
  throw new StoreError('manifest_corrupt', `The primary holds a record (LSN ${frame.lsn}) that is no file's.`, {
    context: { lsn: frame.lsn, log_id: frame.logId },
  });
}

async function standingIds(
  primary: PrimaryStore,
  kind: 'manifest' | 'tombstone',
  ids: ReadonlySet<FileId>,
): Promise<Set<FileId>> {
  const found = new Set<FileId>();
  for (const id of ids) if ((await primary.has({ kind, id })) !== undefined) found.add(id);
  return found;
}

async function highestOnReplicas({ options }: Damaged, primary: PrimaryStore): Promise<Lsn> {
  let highest: Lsn = NO_LSN;
  for (const { place } of options.replicas) {
    const identity = await place.identify().catch((error: unknown) => {
      options.log.warn({ path: place.location, err: error }, 'a replica cannot be read');
      return undefined;
    });
    if (identity === undefined || identity.clusterId !== primary.identity.clusterId) continue;
    const stored = await highestStoredLsn(place.open(identity), options.log);
    if (stored > highest) highest = stored;
  }
  return highest;
}

/** The frame of a step, read again where it stands. */
export async function frameOf({ options }: Damaged, primary: PrimaryStore, step: SalvageStep): Promise<Frame> {
  if (step.record !== undefined) return readSurveyed(options.fs, step.record);
  const kind = step.kind === 'put' ? 'manifest' : 'tombstone';
  const bytes = await primary.get({ kind, id: step.fileId });
  const decoded = bytes === undefined ? undefined : decodeWholeFrame(bytes);
  if (decoded?.ok === true) return decoded.frame;
  throw new StoreError('manifest_corrupt', `The ${kind} of ${step.fileId} reads differently each time.`, {
    context: { file_id: step.fileId, lsn: step.lsn },
  });
}

export interface IncompleteFile {
  readonly fileId: FileId;
  readonly fileName: string;
  readonly missingChunks: number;
}

/** Files of the plan that the primary does not have every chunk of, by name and length. They are kept all the same. */
export async function incompleteFiles(
  damaged: Damaged,
  primary: PrimaryStore,
  salvage: readonly SalvageStep[],
): Promise<IncompleteFile[]> {
  const incomplete: IncompleteFile[] = [];
  for (const step of salvage) {
    if (step.kind === 'delete') continue;
    const { fileId, fileName, content } = decodeManifest(await frameOf(damaged, primary, step));
    if (content.kind === 'inline') continue;
    let missingChunks = 0;
    for (const { chunkId, storedBytes } of content.chunks) {
      if ((await primary.has({ kind: 'chunk', id: chunkId })) !== storedBytes) missingChunks += 1;
    }
    if (missingChunks > 0) incomplete.push({ fileId, fileName, missingChunks });
  }
  return incomplete;
}

/** Nothing is left of the log that could say whose it is, so nothing of it may go into this primary. */
function ownerUnknown({ layout }: LogSurvey): StoreError {
  return new StoreError(
    'log_corrupt',
    `No segment in ${layout.segments} says whose log it is, and neither the catalog nor the primary knows it; it cannot be salvaged. Look for a copy of it. To go on without it, move ${layout.segments} away yourself.`,
    { context: { path: layout.segments } },
  );
}
