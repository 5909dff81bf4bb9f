// Replication: what an answer may close, what may be in flight, and what happens to what fails.
import type { Mutant } from './mutant.js';

const ROWS = 'libs/catalog/src/obligations.test.ts';
const TOLD = 'libs/catalog/src/fill-tombstones.test.ts';
const DOOR = 'libs/replication/src/replication.test.ts';
const FAILURES_OF_STORES = 'libs/replication/src/store-failures.test.ts';
const MODEL = 'libs/replication/src/model.test.ts';
const BREAKER = 'libs/replication/src/circuit-breaker.test.ts';
const PLANS = 'libs/replication/src/plan-jobs.test.ts';

const ANSWERS: readonly Mutant[] = [
  {
    name: 'replication: what a worker knows of lost writes is passed on',
    file: 'libs/replication/src/replication.ts',
    find: 'if (result.lostWrite !== undefined) this.#options.lostWrite?.(result.lostWrite);',
    replace: '',
    tests: [DOOR],
    letsThrough: 'a checkpoint is taken over a manifest whose loss was told to a worker alone',
  },
  {
    name: 'worker: lost writes are those of the job’s own time',
    file: 'apps/worker/src/lost-writes.ts',
    find: 'endedAtNs >= startedAtNs',
    replace: 'endedAtNs >= 0n && startedAtNs > 0n',
    tests: ['apps/worker/src/lost-writes.test.ts'],
    letsThrough: 'a worker that lost a write once ends the checkpoints of every later start',
  },
  {
    name: 'worker: a primary that cannot be asked may be on any disk',
    file: 'apps/worker/src/lost-writes.ts',
    find: 'device === undefined || mayBe',
    replace: 'device !== undefined && mayBe',
    tests: ['apps/worker/src/lost-writes.test.ts'],
    letsThrough: 'a checkpoint is taken over a manifest whose loss was told to a worker alone',
  },
  {
    name: 'disk of the primary: a failed sync of it ends checkpoints',
    file: 'apps/api/src/nest/primary-disk.ts',
    find: 'void doubt(failed.error);',
    replace: 'void doubt;',
    tests: ['apps/api/src/nest/primary-disk.test.ts'],
    letsThrough: 'a checkpoint is taken over a manifest whose loss was told to a job of the same process',
  },
  {
    name: 'disk of the primary: and one of another disk does not',
    file: 'libs/durable-fs/src/one-file-system.ts',
    find: 'return device === other || ',
    replace: 'return device >= 0 || ',
    tests: ['libs/durable-fs/src/one-file-system.test.ts'],
    letsThrough: 'a replica’s broken disk ends the checkpoints of a healthy primary',
  },
  {
    name: 'replication: an answer is of one generation',
    file: 'libs/catalog/src/obligation-statements.ts',
    find: ' AND generation = @generation AND want = @want AND ${OWED}`',
    replace: ' AND want = @want AND ${OWED}`',
    tests: [ROWS, DOOR],
    letsThrough: 'the late answer to a copy closes the repair that was ordered behind it',
  },
  {
    name: 'replication: an answer is to what is wanted',
    file: 'libs/catalog/src/obligation-statements.ts',
    find: ' AND want = @want AND ${OWED}`',
    replace: ' AND ${OWED}`',
    tests: [ROWS],
    letsThrough: 'after a power cut took an order back, the answer to it closes the delete that has its generation',
  },
  {
    name: 'replication: an answer is of one store',
    file: 'libs/catalog/src/obligation-statements.ts',
    find: '`file_id = @file_id AND store_id = @store_id AND generation',
    replace: '`file_id = @file_id AND generation',
    tests: [ROWS, DOOR],
    letsThrough: 'one replica holds the file, and all of them count as holding it',
  },
  {
    name: 'replication: an answer is of this catalog',
    file: 'libs/replication/src/results.ts',
    find: '  if (result.catalogId !== catalog.catalogId) return undefined;\n',
    replace: '',
    tests: [DOOR],
    letsThrough:
      'the answer to a job of the catalog before the rebuild closes the verification that the rebuild ordered',
  },
  {
    name: 'replication: a copy that was superseded is no copy',
    file: 'libs/replication/src/results.ts',
    find: "if (item.outcome === 'done' || isGone(item, order, context)) {",
    replace: "if (item.outcome !== 'failed' || isGone(item, order, context)) {",
    tests: [DOOR, MODEL],
    letsThrough: 'a file counts as held by a replica that has only its tombstone',
  },
  {
    name: 'replication: an order given again is another one',
    file: 'libs/catalog/src/statements.ts',
    find: 'generation = generation + 1, ',
    replace: '',
    tests: ['libs/catalog/src/catalog.test.ts', MODEL],
    letsThrough: 'late answers close what was ordered behind them',
  },
];

const FLIGHT: readonly Mutant[] = [
  {
    name: 'replication: one order in flight per file and store',
    file: 'libs/replication/src/doubted-files.ts',
    find: 'inFlight.has(fileId) || this.#passedOver.has(fileId) ||',
    replace: 'this.#passedOver.has(fileId) ||',
    tests: [DOOR, MODEL],
    hangs: true,
    letsThrough: 'the delete of a file overtakes its copy, and both of them write',
  },
  {
    name: 'replication: so many jobs in flight and no more',
    file: 'libs/replication/src/store-lane.ts',
    find: 'const MAX_JOBS_PER_STORE = 2;',
    replace: 'const MAX_JOBS_PER_STORE = 200;',
    tests: [DOOR],
    letsThrough: 'what is owed is held in memory and in the queue as a whole',
  },
  {
    name: 'replication: what is lost is handed out again',
    file: 'libs/replication/src/store-lane.ts',
    find: 'nowMs > job.deadlineMs + LOST_AFTER_MS);',
    replace: 'nowMs > job.deadlineMs * LOST_AFTER_MS);',
    tests: [DOOR],
    letsThrough: 'what a flushed queue forgot is owed until the next restart',
  },
  {
    name: 'replication: what the queue did not take is offered again',
    file: 'libs/replication/src/dispatcher.ts',
    find: 'jobs.push(...lane.unqueued(), ...this.#plan(lane, nowMs));',
    replace: 'jobs.push(...this.#plan(lane, nowMs));',
    tests: [FAILURES_OF_STORES],
    letsThrough: 'after an outage of the queue nothing is copied before the deadlines of what it refused',
  },
  {
    name: 'replication: a queue that takes nothing is left alone for a while',
    file: 'libs/replication/src/dispatcher.ts',
    find: '    this.#queueTriedAgainAtMs = nowMs + backoffDelayMs(this.#queueFailures, QUEUE_RETRY, this.#options.random());\n',
    replace: '    void nowMs;\n    void backoffDelayMs;\n',
    tests: [FAILURES_OF_STORES],
    hangs: true,
    letsThrough: 'the api does nothing but ask a queue that is away',
  },
  {
    name: 'replication: a job’s id is of its generations',
    file: 'libs/replication/src/plan-jobs.ts',
    find: '[fileId, generation, attempts]',
    replace: '[fileId, attempts]',
    tests: [PLANS],
    letsThrough: 'a queue that has the old order still does not take the new one',
  },
];

const FAILURES: readonly Mutant[] = [
  {
    name: 'replication: what failed is put off',
    file: 'libs/replication/src/results.ts',
    find: '  if (postponements.length > 0) catalog.obligations.postpone(postponements);\n',
    replace: '',
    tests: [DOOR],
    letsThrough: 'one file that cannot be read is tried without a pause',
  },
  {
    name: 'replication: a store that fails is left alone for a while',
    file: 'libs/replication/src/store-lane.ts',
    find: 'this.#breaker = storeFailed(this.#breaker, { nowMs, random: this.#random() });',
    replace: 'void storeFailed;\n    void nowMs;',
    tests: [FAILURES_OF_STORES],
    letsThrough: 'everything that is owed to a store that is away is tried, over and over',
  },
  {
    name: 'replication: a store that failed is tried with one file',
    file: 'libs/replication/src/circuit-breaker.ts',
    find: "breaker.kind === 'half_open' ? 'one_item' : 'nothing'",
    replace: "breaker.kind === 'half_open' ? 'all' : 'nothing'",
    tests: [BREAKER, FAILURES_OF_STORES],
    letsThrough: 'each trial of a store that is away costs two jobs of all that they hold',
  },
  {
    name: 'replication: another store in its place gets nothing',
    file: 'libs/replication/src/store-lane.ts',
    find: "const allowed = this.#isForeign ? 'nothing' : allowance(this.#breaker);",
    replace: 'const allowed = allowance(this.#breaker);',
    tests: [FAILURES_OF_STORES],
    letsThrough: 'jobs go on to a place where a store of somebody else stands',
  },
  {
    name: 'replication: a file that fails its store is passed over',
    file: 'libs/replication/src/doubted-files.ts',
    find: '|| this.#passedOver.has(fileId) ||',
    replace: '||',
    tests: [FAILURES_OF_STORES],
    letsThrough: 'one object that cannot be read ends all copying to a store',
  },
  {
    name: 'replication: what fails together is handed out in halves',
    file: 'libs/replication/src/doubted-files.ts',
    find: 'Math.max(1, Math.floor(fileIds.length / 2));',
    replace: 'MAX_JOB_ITEMS;',
    tests: [FAILURES_OF_STORES],
    letsThrough: 'a file that kills its worker takes its whole job with it, for ever',
  },
  {
    name: 'replication: an empty answer is a failure',
    file: 'libs/replication/src/replication.ts',
    find: '(result.items.length === 0 ? EMPTY_ANSWER : undefined)',
    replace: '(result.items.length > 1e9 ? EMPTY_ANSWER : undefined)',
    tests: [DOOR],
    letsThrough: 'a job that is answered without a word is handed out without a pause',
  },
];

const FILLING: readonly Mutant[] = [
  {
    name: 'replication: a replica that comes back is told of what was deleted',
    file: 'libs/catalog/src/fill-statements.ts',
    find: "progress.get(storeId) ?? { stage: 'stale', last_file_id: '' }",
    replace: "progress.get(storeId) ?? { stage: 'files', last_file_id: '' }",
    tests: [ROWS],
    letsThrough: 'a deleted file lives on in a replica that was away',
  },
  {
    name: 'replication: a replica that joins is told of the deletes of before',
    file: 'libs/catalog/src/fill-statements.ts',
    find: "files: 'tombstones', tombstones",
    replace: "files: 'filled', tombstones",
    tests: [TOLD],
    letsThrough: 'a replica is all that is left, and offers files that were deleted before it joined',
  },
  {
    name: 'replication: a replica that joins is not told of a delete that expires',
    file: 'libs/catalog/src/fill-statements.ts',
    find: " AND other.state = 'expiring')",
    replace: " AND other.state = 'never')",
    tests: [TOLD],
    letsThrough: 'a delete is owed for ever, because no store has its tombstone any more',
  },
  {
    name: 'replication: a replica that left is filled when it returns',
    file: 'libs/catalog/src/fill-statements.ts',
    find: 'if (!storeIds.includes(store_id as StoreId)) this.#statements.drop.run(store_id);',
    replace: 'void storeIds.includes(store_id as StoreId);',
    tests: [ROWS],
    letsThrough: 'a replica that was away has not the files of that time, and counts as filled',
  },
  {
    name: 'replication: filling goes on where it was',
    file: 'libs/catalog/src/fill-statements.ts',
    find: 'note.run({ store_id: storeId, stage, last_file_id: until });',
    replace: "note.run({ store_id: storeId, stage, last_file_id: '' });",
    tests: [ROWS],
    hangs: true,
    letsThrough: 'a replica that joins is owed the first page of files for ever',
  },
  {
    name: 'replication: a rebuilt catalog asks for a look at what stands there',
    file: 'libs/recovery/src/rebuild-catalog.ts',
    find: ", putOperation: 'verify' });",
    replace: ' });',
    tests: ['test/store/boot.test.ts'],
    testNames: 'owes a look',
    letsThrough: 'chunks of the wrong length under the right name stay on a replica',
  },
];

const GROWTH: readonly Mutant[] = [
  {
    name: 'replication: what is confirmed is moved out of the log of SQLite',
    file: 'libs/apply/src/checkpointer.ts',
    find: 'if (catalog.hasUnsyncedChanges) await this.#makeCatalogDurable();',
    replace: '',
    tests: ['libs/apply/src/checkpointer.test.ts'],
    letsThrough: 'while a replica is filled and nobody uploads, the log of SQLite grows until the disk is full',
  },
];

export const REPLICATION: readonly Mutant[] = [...ANSWERS, ...FLIGHT, ...FAILURES, ...FILLING, ...GROWTH];
