/**
 * What a start would make of the log, found out without changing anything: the same checks in the same order, under the
 * same locks, so that what is said here is what a start would say a moment later.
 */
import type { CatalogLook, CatalogSight } from '#libs/catalog';
import type { DirectoryLock } from '#libs/durable-fs';
import { NO_LSN, StoreError } from '#libs/kernel';
import type { LogId, Lsn } from '#libs/kernel';
import { PrimaryStore } from '#libs/stores';
import type { StoreIdentity } from '#libs/stores';
import { surveyLog, verifyLog } from '#libs/wal';
import type { LogSurvey, VerifiedLog } from '#libs/wal';
import { hostname } from 'node:os';
import { identifyPrimary, primaryEmpty } from './bind-stores.js';
import { assertWithinLog } from './rebuild-catalog.js';
import { rebuildReason } from './settle-catalog.js';
import { storedRecords } from './stored-records.js';
import type { BootOptions } from './types.js';

export interface StoppedOptions extends Pick<
  BootOptions,
  'fs' | 'clock' | 'log' | 'walPath' | 'storagePath' | 'replicas' | 'lockDirectory' | 'logOptions'
> {
  readonly lookIntoCatalog: CatalogLook;
}

export type LogVerdict =
  /** There is no log; a start begins one. */
  | { readonly kind: 'none' }
  /** `torn`: a start sets the tail aside and goes on. */
  | { readonly kind: 'clean' | 'torn'; readonly verified: VerifiedLog }
  /** A start ends with this error. */
  | { readonly kind: 'refused'; readonly refusal: StoreError };

export interface LogExamination {
  readonly verdict: LogVerdict;
  /** All that can be read, damage included; absent where there is no log, or nobody here may judge what it holds. */
  readonly survey: LogSurvey | undefined;
  readonly catalog: 'sound' | 'missing' | 'corrupt';
  /** Last LSN of this log in the catalog. */
  readonly appliedLsn: Lsn | undefined;
}

/** Throws `directory_locked` while a server runs. */
export function examineLog(options: StoppedOptions): Promise<LogExamination> {
  return whileStopped(options, () => options.lookIntoCatalog((sight) => examine(options, sight)));
}

/** Runs `work` under the locks that a server would hold; a directory that is not there is not made. */
export async function whileStopped<Result>(
  { fs, clock, walPath, storagePath, lockDirectory }: StoppedOptions,
  work: () => Promise<Result>,
): Promise<Result> {
  const holder = { pid: process.pid, host: hostname(), startedAtMs: clock.now() };
  const locks: DirectoryLock[] = [];
  try {
    for (const directory of [walPath, storagePath]) {
      if ((await fs.stat(directory))?.isDirectory === true) locks.push(lockDirectory(directory, holder));
    }
    return await work();
  } finally {
    for (const lock of locks.toReversed()) lock.release();
  }
}

export async function examine(options: StoppedOptions, sight: CatalogSight): Promise<LogExamination> {
  const verdict = await judge(options, sight);
  const survey = verdict.kind === 'none' ? undefined : await surveyIfOurs(options);
  const logId = survey?.logId;
  return {
    verdict,
    survey,
    catalog: sight.ok ? 'sound' : sight.reason,
    appliedLsn: sight.ok && logId !== undefined ? sight.catalog.appliedLsn(logId) : undefined,
  };
}

async function judge(options: StoppedOptions, sight: CatalogSight): Promise<LogVerdict> {
  const applied = (logId: LogId): Lsn => (sight.ok ? (sight.catalog.appliedLsn(logId) ?? NO_LSN) : NO_LSN);
  try {
    const verified = await verifyLog(options.fs, options.walPath, applied);
    const logCluster = verified?.clusterId;
    const primary = await identifyPrimary({ ...options, logCluster });
    const knower = logCluster ?? (sight.ok ? sight.catalog.clusterId : undefined);
    if (primary === undefined && knower !== undefined) throw primaryEmpty(options.storagePath, knower);
    if (verified === undefined || primary === undefined) return { kind: 'none' };
    await assertNothingNewer(options, { verified, primary, sight });
    return { kind: verified.tail === 'torn' ? 'torn' : 'clean', verified };
  } catch (refusal) {
    if (!StoreError.is(refusal)) throw refusal;
    return { kind: 'refused', refusal };
  }
}

interface Standing {
  readonly verified: VerifiedLog;
  readonly primary: StoreIdentity;
  readonly sight: CatalogSight;
}

/** A start that rebuilds the catalog meets manifests above the end of an old log. Throws `log_behind`. */
async function assertNothingNewer(options: StoppedOptions, { verified, primary, sight }: Standing): Promise<void> {
  const start = { ...verified, oldestLsn: verified.firstLsn, clusterId: primary.clusterId };
  if (rebuildReason(sight, start) === undefined) return;
  const store = new PrimaryStore(options.fs, options.storagePath, primary);
  for (const kind of ['manifest', 'tombstone'] as const) {
    for await (const { frames } of storedRecords(store, kind)) {
      for (const frame of frames) assertWithinLog(verified, frame);
    }
  }
}

async function surveyIfOurs({ fs, walPath }: StoppedOptions): Promise<LogSurvey | undefined> {
  try {
    return await surveyLog(fs, walPath);
  } catch (error) {
    // The verdict says so already.
    if (StoreError.is(error, 'future_format') || StoreError.is(error, 'log_mismatch')) return undefined;
    throw error;
  }
}
