/** Maintenance: what keeps an installation in order while it serves. */
export { AntiEntropy } from './anti-entropy.js';
export { AntiEntropyTimer } from './anti-entropy-timer.js';
export type { Census } from './census.js';
export type { Difference, DifferenceKind } from './census-comparison.js';
export { CollectionTimer } from './collection-timer.js';
export { GarbageCollector } from './garbage-collector.js';
export { ReplicaGarbage } from './replica-garbage.js';
export type { ReplicaGarbageOptions } from './replica-garbage.js';
export type { GarbageCollectorOptions, StepOutcome } from './garbage-collector.js';
export { MAX_FINDINGS } from './pass.js';
export type { Finding, FindingKind, Pass, PassProgress } from './pass.js';
export { ReReadPass } from './re-read-pass.js';
export type { RepairOptions, RepairReport } from './repair-report.js';
export type { RepairRun } from './repair-run.js';
export { Repairs } from './repairs.js';
