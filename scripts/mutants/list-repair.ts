// Offline repairs: the order of the steps of a repaired log, a rebuilt primary and an adopted replica.
import type { Mutant } from './mutant.js';

const REPAIR = 'test/repair/repair.test.ts';
const REBUILD = 'test/repair/rebuild.test.ts';
const ADOPT = 'test/repair/adopt.test.ts';

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
  {
    name: 'rebuild: a start refuses a half',
    file: 'libs/recovery/src/bind-stores.ts',
    find: '  await assertNotHalfBuilt(context.fs, context.storagePath);\n',
    replace: '  void assertNotHalfBuilt;\n',
    tests: [REBUILD],
    testNames: 'that was interrupted is not taken',
    letsThrough: 'where no replica is reachable a start makes a new installation in the half',
  },
  {
    name: 'rebuild: the tombstones of the other stores count',
    file: 'libs/recovery/src/rebuild-primary.ts',
    find: 'for (const store of [source, ...helpers]) {\n      await this.#unlessFailed',
    replace: 'for (const store of [source, ...helpers].slice(0, 1)) {\n      await this.#unlessFailed',
    tests: [REBUILD],
    testNames: 'that missed a delete',
    letsThrough: 'a replica that missed a delete brings the file back',
  },
  {
    name: 'rebuild: a chunk is taken only with its own digest',
    file: 'libs/recovery/src/file-taker.ts',
    find: ' && sha256(found) === id',
    replace: '',
    tests: [REBUILD],
    testNames: 'chunk by chunk',
    letsThrough: 'rot of a replica becomes the primary',
  },
  {
    name: 'rebuild: an old catalog is set aside',
    file: 'libs/recovery/src/rebuild-primary.ts',
    find: 'return this.#options.catalogs.setAside(this.#options.clock.now());',
    replace: 'return undefined;',
    tests: [REBUILD],
    testNames: 'sets an old catalog aside',
    letsThrough: 'a start lists files that the new primary has not',
  },
  {
    name: 'adopt: what was deleted meanwhile goes before the new identity',
    file: 'libs/recovery/src/adopt-replica.ts',
    find: '        await clear(primary, place.open(found), stale);\n',
    replace: '',
    tests: [ADOPT],
    testNames: 'does not bring back',
    letsThrough: 'a replica that returns keeps files that were deleted while it was away',
  },
  {
    name: 'adopt: a file that the catalog knows is not stale',
    file: 'libs/recovery/src/adopt-replica.ts',
    find: ' && !(sight.ok && sight.catalog.hasFile(id))',
    replace: '',
    tests: [ADOPT],
    testNames: 'whose manifest the primary lost',
    letsThrough: 'the last manifest of a file is set aside',
  },
];
