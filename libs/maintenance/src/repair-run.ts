/**
 * One repair: every chosen store is compared with what it must hold, read in depth where that is asked for, and what is then
 * owed is carried out; again, until nothing more is found or what is left has failed; then the stores are counted.
 *
 * All that it decides is owed in the catalog before it goes on, and it keeps nothing else that matters: it can be given up
 * anywhere and begun anew.
 */
import type { Catalog } from '#libs/catalog';
import type { StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import type { Log } from '#libs/telemetry';
import { takeCensuses } from './census-round.js';
import type { CensusOutcome } from './census-round.js';
import { Findings } from './findings.js';
import { Courtesy } from './give-way.js';
import type { Finding, Pass } from './pass.js';
import { MAX_FINDINGS } from './pass.js';
import { OwedTally } from './owed-tally.js';
import { StageProgress } from './stage-progress.js';
import type { LeftOver, RepairOptions, RepairReport, StoreFailure } from './repair-report.js';

/** A replica whose copy is bad is passed over at the next attempt, so a few rounds meet all of them. */
const MAX_ROUNDS = 6;
/** A chunk may have more files than anybody wants to look at. */
const MAX_FILES_OF_CHUNK = 64;

export interface RepairParts {
  readonly catalog: Catalog;
  readonly stores: Stores;
  readonly primaryId: StoreId;
  readonly antiEntropy: (storeId: StoreId, mode: RepairOptions['mode']) => Pass & { end(): Promise<void> };
  /** Reads everything on a store against its SHA-256. */
  readonly deepPass: (storeId: StoreId, mode: RepairOptions['mode']) => Pass;
  /** Carries out what is owed to the stores; resolves when that is done, or has been tried and failed. */
  readonly carryOut: (storeIds: readonly StoreId[]) => {
    readonly total: number;
    progress(): { readonly done: number };
    readonly finished: Promise<void>;
  };
  /** What has been written so far is no longer in motion. */
  readonly settle: () => Promise<void>;
  readonly log: Log;
}

export class RepairRun {
  readonly options: RepairOptions;
  readonly finished: Promise<void>;
  readonly #parts: RepairParts;
  readonly #stages: StageProgress;
  readonly #findings = new Findings();
  readonly #failures = new Map<StoreId, string>();
  #rounds = 0;
  #filesDone = 0;
  readonly #owed = new OwedTally();
  #leftInRound = 0;
  /** What nobody mends on the stores that were read in depth: that is done once, so it is left in every round. */
  readonly #leftInDepth = new Map<StoreId, number>();
  #isStopped = false;
  #report: RepairReport | undefined;
  #error: unknown;

  /** `after`: another one, which has to end first. */
  constructor(parts: RepairParts, options: RepairOptions, after: Promise<void> = Promise.resolve()) {
    this.#parts = parts;
    this.options = options;
    const stagesPerStore = (options.mode === 'look' ? 2 : 3) + (options.depth === 'deep' ? 1 : 0);
    this.#stages = new StageProgress(options.storeIds.length * stagesPerStore);
    this.finished = after.then(() => this.#run());
  }

  get total(): number {
    return this.#stages.total;
  }

  /** Undefined until it has ended, and where it was given up. */
  get report(): RepairReport | undefined {
    return this.#report;
  }

  /** Why there is no report. */
  get error(): unknown {
    return this.#error;
  }

  progress(): { readonly done: number; readonly failed: number } {
    if (this.#report?.whole === true) return { done: this.total, failed: 0 };
    const failed = this.#report === undefined ? 0 : this.#report.leftOver + this.#report.reported;
    // All of it is done only where nothing is left.
    return { done: Math.min(this.#stages.done, this.total - 1), failed };
  }

  /** Ends it after the step under way. */
  stop(): void {
    this.#isStopped = true;
  }

  async #run(): Promise<void> {
    try {
      let isMore = true;
      while (isMore && !this.#isStopped) isMore = await this.#round();
      if (this.#isStopped) return;
      const outcome = await takeCensuses({
        ...this.#parts,
        storeIds: this.options.storeIds,
        depth: this.options.depth === 'deep' ? 'bytes' : 'names',
        isStopped: () => this.#isStopped,
        counting: (storeId, share) => this.#stages.begin(`count ${storeId}`, share),
      });
      if (!this.#isStopped) this.#report = this.#reportOf(outcome);
    } catch (error) {
      this.#error = error;
      this.#parts.log.warn({ err: error }, 'a repair ended early; what it found is owed, and another one goes on');
    }
  }

  /** Answers with whether another one may do more. */
  async #round(): Promise<boolean> {
    const { settle, log } = this.#parts;
    this.#rounds += 1;
    this.#leftInRound = 0;
    this.#owed.beginRound();
    await settle().catch((error: unknown) =>
      log.warn({ err: error }, 'no checkpoint: what is above the last one is not judged'),
    );
    let owed = 0;
    for (const storeId of this.options.storeIds) owed += await this.#mend(storeId);
    if (this.options.mode === 'look') return false;
    if (owed === 0 && !(await this.#tryAgain())) return false;
    return this.#rounds < MAX_ROUNDS;
  }

  /**
   * Nothing differs, and what is left has failed: another replica may have it whole. Nothing is compared for that, which is
   * long where much is stored. Answers with whether something came of it, and so there is something to compare again.
   */
  async #tryAgain(): Promise<boolean> {
    const { storeIds } = this.options;
    const isLeft = (): boolean => storeIds.some((storeId) => this.#isLeftAt(storeId));
    for (; !this.#isStopped && this.#rounds < MAX_ROUNDS && isLeft(); this.#rounds += 1) {
      const before = this.#filesDone;
      for (const storeId of storeIds) await this.#carryOut(storeId);
      if (this.#filesDone > before) return true;
    }
    return false;
  }

  /** Stores one after another, the primary first: what it has again, the replicas get from it. */
  async #mend(storeId: StoreId): Promise<number> {
    const { mode, depth } = this.options;
    let owed = await this.#compare(storeId);
    // Again where the store failed in the midst of it: that it is there again says nothing of what was not read.
    const isUnread = depth === 'deep' && !this.#leftInDepth.has(storeId);
    if (isUnread && !this.#failures.has(storeId)) owed += await this.#readInDepth(storeId);
    if (mode === 'repair') await this.#carryOut(storeId);
    return owed;
  }

  async #carryOut(storeId: StoreId): Promise<void> {
    if (this.#isStopped || this.#failures.has(storeId)) return;
    const work = this.#parts.carryOut([storeId]);
    this.#stages.begin(`mend ${storeId}`, () => (work.total === 0 ? 1 : work.progress().done / work.total));
    await work.finished;
    this.#filesDone += work.progress().done;
  }

  async #compare(storeId: StoreId): Promise<number> {
    if (this.#isStopped) return 0;
    const pass = this.#parts.antiEntropy(storeId, this.options.mode);
    this.#stages.begin(`compare ${storeId}`, () => pass.share ?? 0);
    try {
      const { owed, left } = await this.#drive(pass);
      this.#leftInRound += left;
      return owed;
    } finally {
      await pass.end();
    }
  }

  async #readInDepth(storeId: StoreId): Promise<number> {
    if (this.#isStopped) return 0;
    const pass = this.#parts.deepPass(storeId, this.options.mode);
    this.#stages.begin(`read ${storeId}`, () => pass.share ?? 0);
    const { owed, left } = await this.#drive(pass);
    if (!this.#isStopped && !this.#failures.has(storeId)) this.#leftInDepth.set(storeId, left);
    return owed;
  }

  /** `left`: nobody mends it, or nobody does while only looking. */
  async #drive(pass: Pass): Promise<{ readonly owed: number; readonly left: number }> {
    const courtesy = new Courtesy();
    try {
      while (!this.#isStopped && (await pass.step()) === 'busy') await courtesy.giveWay();
      this.#failures.delete(pass.storeId);
    } catch (error) {
      this.#failures.set(pass.storeId, error instanceof Error ? error.message : String(error));
    }
    const { found, findings, owed } = pass.progress;
    this.#findings.addAll({ found, findings });
    const total = Object.values(found).reduce((sum, count) => sum + count, 0);
    const named = findings.filter(({ action }) => action === 'owed');
    if (this.options.mode === 'repair') {
      this.#owed.add(owed, named);
      return { owed, left: total - owed };
    }
    // Garbage is none of what a census counts.
    return { owed, left: total - named.filter(({ kind }) => kind === 'unknown').length };
  }

  /** Not where one of its files was tried there without success, and is owed still. */
  #isMended({ storeId, key }: Finding): boolean {
    const { catalog } = this.#parts;
    const page = { after: undefined, limit: MAX_FILES_OF_CHUNK };
    const fileIds = key.kind === 'chunk' ? catalog.filesOfChunk(key.id, page) : [key.id];
    return fileIds.every((fileId) => {
      const row = catalog.obligations.of(fileId).find((order) => order.storeId === storeId);
      return row === undefined || row.state === 'done' || row.attempts === 0;
    });
  }

  #isLeftAt(storeId: StoreId): boolean {
    return !this.#failures.has(storeId) && this.#parts.catalog.obligations.failures({ storeId, limit: 1 }).length > 0;
  }

  #reportOf({ censuses, failures, differing, differences, inMotion }: CensusOutcome): RepairReport {
    const { storeIds } = this.options;
    const { obligations } = this.#parts.catalog;
    const leftOvers = storeIds.flatMap((storeId) =>
      obligations.failures({ storeId, limit: MAX_FINDINGS }).map((failure): LeftOver => ({ storeId, ...failure })),
    );
    const failed = new Map<StoreId, string>([...this.#failures, ...failures]);
    const equal = differing === 0 && failed.size === 0;
    const reported = [...this.#leftInDepth.values()].reduce((sum, left) => sum + left, this.#leftInRound);
    return {
      options: this.options,
      rounds: this.#rounds,
      found: this.#findings.found,
      findings: this.#findings.findings,
      done: this.#owed.mended((finding) => this.#isMended(finding)),
      filesDone: this.#filesDone,
      leftOver: leftOvers.length,
      leftOvers: leftOvers.slice(0, MAX_FINDINGS),
      reported,
      damaged: this.#parts.catalog.damage.files(MAX_FINDINGS),
      failures: [...failed].map(([storeId, error]): StoreFailure => ({ storeId, error })),
      censuses,
      inMotion,
      differing,
      differences,
      equal,
      whole: equal && leftOvers.length === 0 && reported === 0,
    };
  }
}
