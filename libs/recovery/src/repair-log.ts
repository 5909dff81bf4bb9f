/**
 * Repairs a log that a start refuses, without deleting anything. The order of the steps is what makes it safe to be killed
 * between any two, and again:
 *
 *   1. salvage: every record that can be read goes into the primary, durably   (else: step 2 takes away its only copy)
 *   2. set aside: `segments/` is renamed to `set-aside-<ms>/`                  (a start from here begins a new log itself)
 *   3. a new log begins above every LSN ever given                              (else: an LSN would have two meanings)
 *
 * Before step 2 the log is as it was, and a second repair does the same again. The catalog is not touched: it is of the old
 * log, so the next start rebuilds it from the primary.
 */
import { applyToPrimary, effectOf } from '#libs/apply';
import { newUuid } from '#libs/kernel';
import type { Frame, LogId } from '#libs/kernel';
import type { PrimaryStore } from '#libs/stores';
import { createLog } from '#libs/wal';
import { onDiskOf } from './disk-full.js';
import { examine, whileStopped } from './examine-log.js';
import type { LogVerdict, StoppedOptions } from './examine-log.js';
import { frameOf, gatherFacts, incompleteFiles, primaryOf } from './repair-facts.js';
import type { Damaged, IncompleteFile } from './repair-facts.js';
import { planRepair } from './repair-plan.js';
import type { RepairPlan, SalvageStep } from './repair-plan.js';
import { freeSetAsidePath } from './set-aside-log.js';

export interface PlannedRepair {
  readonly kind: 'planned';
  readonly plan: RepairPlan;
  readonly incomplete: readonly IncompleteFile[];
}

export interface DoneRepair extends Omit<PlannedRepair, 'kind'> {
  readonly kind: 'done';
  readonly setAsidePath: string;
  readonly newLogId: LogId;
}

export type RepairOutcome<Done extends PlannedRepair | DoneRepair> =
  Done | { readonly kind: 'not_needed'; readonly verdict: Exclude<LogVerdict, { kind: 'refused' }> };

/** What `repairLog` would do. Changes nothing. */
export function planLogRepair(options: StoppedOptions): Promise<RepairOutcome<PlannedRepair>> {
  return whileDamaged(options, async (damaged) => (await prepare(damaged)).planned);
}

/**
 * Repairs. Throws what a start would throw where a repair cannot help (`future_format`, `log_mismatch`, `primary_empty`
 * …), with nothing changed; and the file system's error, with nothing lost.
 */
export function repairLog(options: StoppedOptions): Promise<RepairOutcome<DoneRepair>> {
  return whileDamaged(options, async (damaged) => {
    const { planned, primary } = await prepare(damaged);
    await salvage(damaged, primary, planned.plan.salvage);
    const setAsidePath = await setAside(damaged);
    const newLogId = await beginLog(damaged, primary, planned.plan);
    return { ...planned, kind: 'done', setAsidePath, newLogId };
  });
}

function whileDamaged<Done extends PlannedRepair | DoneRepair>(
  options: StoppedOptions,
  work: (damaged: Damaged) => Promise<Done>,
): Promise<RepairOutcome<Done>> {
  return whileStopped(options, () =>
    options.lookIntoCatalog(async (sight): Promise<RepairOutcome<Done>> => {
      const { verdict, survey } = await examine(options, sight);
      if (verdict.kind !== 'refused') return { kind: 'not_needed', verdict };
      const { refusal } = verdict;
      const helps = refusal.code === 'log_corrupt' || refusal.code === 'log_behind';
      if (!helps || survey === undefined) throw refusal;
      return work({ options, refusal, survey, sight });
    }),
  );
}

async function prepare(damaged: Damaged): Promise<{ planned: PlannedRepair; primary: PrimaryStore }> {
  const primary = await primaryOf(damaged);
  const plan = planRepair(await gatherFacts(damaged, primary));
  const incomplete = await incompleteFiles(damaged, primary, plan.salvage);
  return { planned: { kind: 'planned', plan, incomplete }, primary };
}

const BATCH_RECORDS = 256;
const BATCH_BYTES = 16 * 1024 * 1024;

/** By the code that applies live traffic, and flushed as a checkpoint does. */
async function salvage(damaged: Damaged, primary: PrimaryStore, steps: readonly SalvageStep[]): Promise<void> {
  const place = { setting: 'STORAGE_PATH', path: damaged.options.storagePath };
  let batch: Frame[] = [];
  let batchBytes = 0;
  const write = async (): Promise<void> => {
    await onDiskOf(place, applyToPrimary(primary.applied, batch.map(effectOf), 'live'));
    batch = [];
    batchBytes = 0;
  };
  for (const step of steps) {
    const frame = await frameOf(damaged, primary, step);
    batch.push(frame);
    batchBytes += frame.lengthBytes;
    if (batch.length >= BATCH_RECORDS || batchBytes >= BATCH_BYTES) await write();
  }
  await write();
  await onDiskOf(place, primary.applied.flush());
}

async function setAside({ options: { fs, clock }, survey: { layout } }: Damaged): Promise<string> {
  const path = await freeSetAsidePath(fs, layout.root, clock.now());
  // Durable together with the new `segments/`, which stands in the same directory: one without the other is never left.
  await fs.rename(layout.segments, path);
  return path;
}

async function beginLog({ options }: Damaged, primary: PrimaryStore, { nextLsn }: RepairPlan): Promise<LogId> {
  const logId = newUuid<LogId>();
  const made = { clusterId: primary.identity.clusterId, logId, firstLsn: nextLsn };
  const log = await createLog(options.fs, options.walPath, made, options.logOptions);
  await log.close();
  return logId;
}
