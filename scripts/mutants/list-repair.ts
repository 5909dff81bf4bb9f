// The repair of a log that a start refuses: the order of its three steps.
import type { Mutant } from './mutant.js';

const REPAIR = 'test/repair/repair.test.ts';

export const REPAIR_RULES: readonly Mutant[] = [
  {
    name: 'repair: what is salvaged is flushed before the log is set aside',
    file: 'libs/recovery/src/repair-log.ts',
    find: 'await onDiskOf(place, primary.applied.flush());',
    replace: '',
    tests: [REPAIR],
    testNames: 'through a power cut|the power goes',
    letsThrough: 'a power cut takes what was salvaged, and the log that had it is not read any more',
  },
  {
    name: 'repair: the salvage comes before the log is set aside',
    file: 'libs/recovery/src/repair-log.ts',
    find: `    await salvage(damaged, primary, planned.plan.salvage);
    const setAsidePath = await setAside(damaged);`,
    replace: `    const setAsidePath = await setAside(damaged);
    await salvage(damaged, primary, planned.plan.salvage);`,
    tests: [REPAIR],
    testNames: 'keeps every file|the power goes|the process is killed',
    letsThrough: 'a kill between the two: the next start begins a new log without what could be read of the old one',
  },
  {
    name: 'repair: the new log begins above every LSN ever given',
    file: 'libs/recovery/src/repair-log.ts',
    find: 'firstLsn: nextLsn',
    replace: 'firstLsn: 1 as typeof nextLsn',
    tests: [REPAIR],
    testNames: 'gives no LSN',
    letsThrough: 'an LSN is given twice, and the newer record is taken for the older one',
  },
];
