/** Recovery: from whatever a stop left behind to an installation that is whole again, or a refusal that says why. */
export { boot } from './boot.js';
export type * from './types.js';
export { examineLog, whileStopped } from './examine-log.js';
export type { LogExamination, LogVerdict, StoppedOptions } from './examine-log.js';
export type { IncompleteFile } from './repair-facts.js';
export { LateReplicas } from './late-replicas.js';
export type { LateReplicasContext } from './late-replicas.js';
export { planLogRepair, repairLog } from './repair-log.js';
export type { DoneRepair, PlannedRepair, RepairOutcome } from './repair-log.js';
export type { AffectedFile, LostRange, RepairPlan, SalvageStep } from './repair-plan.js';
export { planRebuild, rebuildPrimary } from './rebuild-primary.js';
export type { LackedFile, RebuildPlan, RebuildReport } from './rebuild-primary.js';
export type { RebuildOptions, RebuildSources } from './rebuild-sources.js';
export { adoptReplica, planAdoption } from './adopt-replica.js';
export type { Adoption, AdoptionKind, AdoptOptions } from './adopt-replica.js';
