/**
 * Random lives of replication against a model: workers that answer late, twice, never, of orders that are not the last;
 * stores and queues that fail; restarts. Stores here do what the protocol of copies says, and nothing more. After every
 * step a confirmed row must say what its store holds; at the end every row must be confirmed, and say what was ordered
 * last.
 */
import type { ItemResult, Job, JobResult } from '#libs/job-queue';
import { newFileId } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import fc from 'fast-check';
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, expect, it } from 'vitest';
import { A, B, PRIMARY, ReplicationBench, resultOf, storeFailure } from '../testing/src/index.js';

/** More of them find more: `REPLICATION_LIVES=300`. */
const LIVES = Number(process.env['REPLICATION_LIVES'] ?? 10);

type Fate = 'answered' | 'answered twice' | 'answer delayed' | 'lost' | 'files fail' | 'lost behind its work';

type Step =
  | { readonly kind: 'put' | 'restart' | 'flush queue' | 'queue down' | 'queue up' }
  | { readonly kind: 'remove' | 'repair' | 'late answer'; readonly which: number }
  | { readonly kind: 'break' | 'heal'; readonly storeId: StoreId }
  | { readonly kind: 'work'; readonly which: number; readonly fate: Fate }
  | { readonly kind: 'time'; readonly ms: number };

const which = fc.nat(20);
const store = fc.constantFrom(A, B);
const fate = fc.constantFrom<Fate>(
  'answered',
  'answered twice',
  'answer delayed',
  'lost',
  'files fail',
  'lost behind its work',
);
const STEP: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.constant<Step>({ kind: 'put' }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('work' as const), which, fate }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom('remove', 'repair', 'late answer'), which }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 500, 2_000, 150_000) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('break', 'heal'), storeId: store }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('restart', 'flush queue', 'queue down', 'queue up') }),
  },
);

class Life {
  readonly files: FileId[] = [];
  readonly #bench: ReplicationBench;
  readonly #deleted = new Set<FileId>();
  /** What stands on each store: the manifest, the tombstone, or neither. */
  readonly #stores = new Map<StoreId, Map<FileId, 'present' | 'absent'>>();
  readonly #broken = new Set<StoreId>();
  readonly #late: JobResult[] = [];
  /** Jobs that an earlier process has handed out; the one that runs does not know of them. */
  readonly #inherited = new Set<string>();

  constructor(bench: ReplicationBench) {
    this.#bench = bench;
    for (const storeId of [PRIMARY, A, B]) this.#stores.set(storeId, new Map());
  }

  async take(step: Step): Promise<void> {
    const bench = this.#bench;
    const file = 'which' in step ? this.files[step.which % Math.max(1, this.files.length)] : undefined;
    switch (step.kind) {
      case 'put':
        this.#put(newFileId(1));
        break;
      case 'remove':
        if (file !== undefined && !this.#deleted.has(file)) this.#remove(file);
        break;
      case 'repair':
        if (file !== undefined) bench.replication.oweRepair(file);
        break;
      case 'work':
        await this.#work(bench.queue.take(step.which % Math.max(1, bench.queue.waiting.size)), step.fate);
        break;
      case 'late answer':
        await this.#deliver(this.#late.splice(step.which % Math.max(1, this.#late.length), 1)[0]);
        break;
      case 'break':
        this.#broken.add(step.storeId);
        bench.places.get(step.storeId)!.standing = 'unreachable';
        break;
      case 'heal':
        this.#heal(step.storeId);
        break;
      case 'restart':
        for (const { jobId } of bench.queue.waiting.values()) this.#inherited.add(jobId);
        await bench.restart();
        break;
      case 'flush queue':
        bench.queue.waiting.clear();
        break;
      case 'queue down':
        bench.queue.breakDown(1);
        break;
      case 'queue up':
        bench.queue.comeBack();
        break;
      case 'time':
        await bench.time.advance(step.ms);
        break;
    }
    await bench.time.settle();
    this.#look();
  }

  /** Everything works again; what was owed is done, and late answers come among the others. */
  async end(): Promise<void> {
    this.#bench.queue.comeBack();
    for (const storeId of [A, B]) this.#heal(storeId);
    for (let round = 0; round < 1_000 && (this.#isOwed() || this.#late.length > 0); round += 1) {
      await this.#deliver(this.#late.shift());
      await this.#work(this.#bench.queue.take(), 'answered');
      await this.#bench.time.advance(this.#bench.queue.waiting.size > 0 ? 1 : 60_000);
      this.#look();
    }
    for (const fileId of this.files) {
      for (const storeId of [A, B]) {
        const want = this.#deleted.has(fileId) ? 'absent' : 'present';
        const row = this.#bench.row(fileId, storeId);
        deepEqual({ want: row?.want, state: row?.state }, { want, state: 'done' });
        equal(this.#stores.get(storeId)!.get(fileId), want);
      }
    }
    for (const { lag, state } of this.#bench.replication.status()) {
      deepEqual({ lag, state }, { lag: { files: 0, bytes: 0, oldestMs: 0 }, state: 'online' });
    }
  }

  #put(fileId: FileId): void {
    this.files.push(fileId);
    this.#stores.get(PRIMARY)!.set(fileId, 'present');
    this.#bench.put(fileId);
  }

  #remove(fileId: FileId): void {
    this.#deleted.add(fileId);
    this.#stores.get(PRIMARY)!.set(fileId, 'absent');
    this.#bench.remove(fileId);
  }

  #heal(storeId: StoreId): void {
    this.#broken.delete(storeId);
    this.#bench.places.get(storeId)!.standing = 'itself';
  }

  async #work(job: Job | undefined, how: Fate): Promise<void> {
    if (job === undefined || how === 'lost') return;
    const broken = [job.targetId, job.sourceId].find((storeId) => this.#broken.has(storeId));
    const result = broken === undefined ? this.#do(job, how) : storeFailure(job, 'store_unreachable', broken);
    if (how === 'lost behind its work') return;
    if (how === 'answer delayed') this.#late.push(result);
    else await this.#deliver(result);
    if (how === 'answered twice') await this.#deliver(result);
  }

  #do(job: Job, how: Fate): JobResult {
    const target = this.#stores.get(job.targetId)!;
    const source = this.#stores.get(job.sourceId)!;
    const items = job.items.map(({ fileId, generation }, index): ItemResult => {
      const item = { fileId, generation };
      if (this.#bench.time.now() > job.deadlineMs) {
        return { ...item, outcome: 'failed', error: { code: 'job_overdue', message: 'Too late.' } };
      }
      if (how === 'files fail' && index % 2 === 0) {
        return { ...item, outcome: 'failed', error: { code: 'EIO', message: 'It cannot be read.' } };
      }
      if (job.operation === 'delete') {
        target.set(fileId, 'absent');
        return { ...item, outcome: 'done' };
      }
      if (target.get(fileId) === 'absent' || source.get(fileId) === 'absent') {
        return { ...item, outcome: 'superseded' };
      }
      target.set(fileId, 'present');
      return { ...item, outcome: 'done' };
    });
    return { ...resultOf(job), items };
  }

  async #deliver(result: JobResult | undefined): Promise<void> {
    if (result === undefined) return;
    await this.#bench.answer(result);
  }

  #isOwed(): boolean {
    return [PRIMARY, A, B].some((storeId) => this.#bench.catalog.obligations.isAnyOwed(storeId));
  }

  /** What must hold at any time. */
  #look(): void {
    for (const fileId of this.files) {
      for (const { storeId, state, want } of this.#bench.catalog.obligations.of(fileId)) {
        if (storeId === PRIMARY || state !== 'done') continue;
        equal(this.#stores.get(storeId)!.get(fileId), want, `${fileId} on ${storeId} is confirmed as ${want}`);
      }
    }
    this.#lookAtJobs();
  }

  /**
   * In flight once a file and store, in two jobs a store, as long as nothing was given up. What was offered again may wait
   * behind its own late answer, and is left out, as is what a process before a restart has handed out.
   */
  #lookAtJobs(): void {
    const now = this.#bench.time.now();
    const { added, waiting } = this.#bench.queue;
    const timesAdded = (wanted: Job): number => added.filter(({ jobId }) => jobId === wanted.jobId).length;
    const isCounted = (job: Job): boolean => timesAdded(job) === 1 && !this.#inherited.has(job.jobId);
    const alive = [...waiting.values()].filter((job) => job.deadlineMs >= now && isCounted(job));
    for (const storeId of [PRIMARY, A, B]) {
      const jobs = alive.filter(({ targetId }) => targetId === storeId);
      const fileIds = jobs.flatMap(({ items }) => items.map(({ fileId }) => fileId));
      equal(new Set(fileIds).size, fileIds.length, `a file is in flight to ${storeId} twice`);
      ok(jobs.length <= 2, `${jobs.length} jobs are in flight to ${storeId}`);
    }
  }
}

describe('any life of replication', () => {
  it('ends with every store holding what was ordered last', { timeout: 180_000 }, async () => {
    const lives = fc.assert(
      fc.asyncProperty(fc.array(STEP, { maxLength: 50, size: 'max' }), async (steps) => {
        await using bench = await ReplicationBench.open();
        const life = new Life(bench);
        for (const step of steps) await life.take(step);
        await life.end();
      }),
      { numRuns: LIVES, plugins: [fc.interruptAfterTimeLimit(120_000)] },
    );
    await expect(lives).resolves.toBeUndefined();
  });
});
