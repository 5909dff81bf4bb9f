/** What the end of a repair says, in the form of the API: stores by their names, lists cut to what a person reads. */
import type { StoreId } from '#libs/kernel';
import type { RepairReport } from '#libs/maintenance';
import { damagedFileAnswer } from './scrub-answer.js';

/** Of each list; the counts beside it say how many there are. */
const MAX_TOLD = 1_000;

/** `names`: of all stores, the primary first. */
export function repairResult(report: RepairReport, names: ReadonlyMap<StoreId, string>): object {
  const { options, found } = report;
  const nameOf = (storeId: StoreId): string => names.get(storeId) ?? storeId;
  const left = [...names.keys()].filter((storeId) => !options.storeIds.includes(storeId));
  const [primary] = names.values();
  const counts = { missing: 0, corrupt: 0, unknown: 0, unexpected: 0, ...found };
  return {
    equal: report.equal,
    whole: report.whole,
    primary,
    stores: options.storeIds.map(nameOf),
    left_out: left.map(nameOf),
    deep: options.depth === 'deep',
    dry_run: options.mode === 'look',
    rounds: report.rounds,
    found: counts,
    findings: report.findings.slice(0, MAX_TOLD).map(({ storeId, key, kind, action, reason }) => {
      return { store: nameOf(storeId), kind: key.kind, id: key.id, finding: kind, action, reason };
    }),
    mended: report.done,
    files_done: report.filesDone,
    left: report.leftOver,
    could_not: report.leftOvers.slice(0, MAX_TOLD).map(({ storeId, fileId, operation, error }) => {
      return { store: nameOf(storeId), file_id: fileId, operation, error };
    }),
    reported: report.reported,
    damaged: report.damaged.map((file) => damagedFileAnswer(file, nameOf)),
    failures: report.failures.map(({ storeId, error }) => ({ store: nameOf(storeId), error })),
    censuses: report.censuses.map(({ storeId, depth, unreferencedChunks, shards: _, ...census }) => {
      return { store_id: storeId, store: nameOf(storeId), ...census, unreferenced_chunks: unreferencedChunks, depth };
    }),
    in_motion: report.inMotion,
    differing: report.differing,
    differences: report.differences.slice(0, MAX_TOLD).map(({ storeId, key, kind, reason }) => {
      return { store: nameOf(storeId), kind: key.kind, id: key.id, difference: kind, reason };
    }),
  };
}
