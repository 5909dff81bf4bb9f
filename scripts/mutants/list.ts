// All mutants: what a reader of the design would call its rules, each with the tests that hold it.
import type { Mutant } from './mutant.js';
import { APPLY } from './list-apply.js';
import { CATALOG } from './list-catalog.js';
import { DURABLE_FS } from './list-durable-fs.js';
import { EVIDENCE } from './list-evidence.js';
import { FILE_STORE } from './list-file-store.js';
import { GARBAGE } from './list-garbage.js';
import { JOB_QUEUE } from './list-job-queue.js';
import { LOG } from './list-log.js';
import { OPEN } from './list-open.js';
import { RECOVERY } from './list-recovery.js';
import { REPAIR_RULES } from './list-repair.js';
import { REPLICATION } from './list-replication.js';
import { SCRUB } from './list-scrub.js';
import { STORES } from './list-stores.js';
import { TOMBSTONES } from './list-tombstones.js';
import { TRANSFER } from './list-transfer.js';
import { UNDELETES } from './list-undelete.js';

export const MUTANTS: readonly Mutant[] = [
  ...LOG,
  ...OPEN,
  ...EVIDENCE,
  ...APPLY,
  ...STORES,
  ...TRANSFER,
  ...DURABLE_FS,
  ...FILE_STORE,
  ...CATALOG,
  ...RECOVERY,
  ...GARBAGE,
  ...JOB_QUEUE,
  ...REPAIR_RULES,
  ...REPLICATION,
  ...SCRUB,
  ...UNDELETES,
  ...TOMBSTONES,
];
