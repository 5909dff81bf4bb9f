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
import { StageProgress } from './stage-progress.js';
import type { LeftOver, RepairOptions, RepairReport, StoreFailure } from './repair-report.js';

/** A replica whose copy is bad is passed over at the next attempt, so a few rounds meet all of them. */
const MAX_ROUNDS = 6;

export interface RepairParts {
  readonly catalog: Catalog;
  readonly stores: Stores;
  readonly primaryId: StoreId;
  readonly antiEntropy: (storeId: StoreId, mode: RepairOptions['mode']) => Pass & { end(): Promise<void> };
  /** Reads everything on a store against its SHA-256. */
  readonly deepPass: (storeId: StoreId) => Pass;
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
  /** What was owed in any round, and what of it was met again in the last one. */
  readonly #owed = new Set<string>();
  #metAgain = 0;
  #leftInRound = 0;
  #isStopped = false;
  #report: RepairReport | undefined;
  #error: unknown;

  /** `after`: another one, which has to end first. */
  constructor(parts: RepairParts, options: RepairOptions, after: Promise<void> = Promise.resolve()) {
    this.#parts = parts;
    this.options = options;
    const isDeep = options.depth === 'deep' && options.mode === 'repair';
    const stagesPerStore = options.mode === 'look' ? 2 : isDeep ? 4 : 3;
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
    this.#metAgain = 0;
    await settle().catch((error: unknown) =>
      log.warn({ err: error }, 'no checkpoint: what is above the last one is not judged'),
    );
    let owed = 0;
    for (const storeId of this.options.storeIds) owed += await this.#mend(storeId);
    if (this.options.mode === 'look') return false;
    const isLeft = this.options.storeIds.some((storeId) => this.#isLeftAt(storeId));
    return (owed > 0 || isLeft) && this.#rounds < MAX_ROUNDS;
  }

  /** Stores one after another, the primary first: what it has again, the replicas get from it. */
  async #mend(storeId: StoreId): Promise<number> {
    if (this.#isStopped) return 0;
    const { mode, depth } = this.options;
    const pass = this.#parts.antiEntropy(storeId, mode);
    this.#stages.begin(`compare ${storeId}`, () => pass.share ?? 0);
    let owed = 0;
    try {
      owed = await this.#drive(pass);
    } finally {
      await pass.end();
    }
    if (mode === 'look' || this.#failures.has(storeId)) return owed;
    if (depth === 'deep' && this.#rounds === 1) {
      const deep = this.#parts.deepPass(storeId);
      this.#stages.begin(`read ${storeId}`, () => deep.share ?? 0);
      owed += await this.#drive(deep);
    }
    if (this.#isStopped) return owed;
    const work = this.#parts.carryOut([storeId]);
    this.#stages.begin(`mend ${storeId}`, () => (work.total === 0 ? 1 : work.progress().done / work.total));
    await work.finished;
    this.#filesDone += work.progress().done;
    return owed;
  }

  async #drive(pass: Pass): Promise<number> {
    const courtesy = new Courtesy();
    try {
      while (!this.#isStopped && (await pass.step()) === 'busy') await courtesy.giveWay();
      this.#failures.delete(pass.storeId);
    } catch (error) {
      this.#failures.set(pass.storeId, error instanceof Error ? error.message : String(error));
    }
    let owed = 0;
    for (const finding of pass.progress.findings) {
      this.#findings.add(finding);
      if (finding.action === 'owed') {
        owed += 1;
        this.#noteOwed(finding);
      } else this.#leftInRound += 1;
    }
    return owed;
  }

  #noteOwed({ storeId, key, kind }: Finding): void {
    if (this.options.mode === 'look') {
      // Garbage is none of what a census counts.
      if (kind !== 'unknown') this.#leftInRound += 1;
      return;
    }
    const name = `${storeId} ${key.kind} ${key.id}`;
    if (this.#owed.has(name)) this.#metAgain += 1;
    // Bounded, as the findings are.
    else if (this.#owed.size < MAX_FINDINGS) this.#owed.add(name);
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
    const reported = this.#leftInRound;
    return {
      options: this.options,
      rounds: this.#rounds,
      found: this.#findings.found,
      findings: this.#findings.findings,
      done: this.#owed.size - this.#metAgain,
      filesDone: this.#filesDone,
      leftOver: leftOvers.length,
      leftOvers: leftOvers.slice(0, MAX_FINDINGS),
      reported,
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
