/**
 * One repair: every chosen store is compared with what it must hold, read in depth where that is asked for, and what is then
 * owed is carried out; again, until nothing more is found or what is left has failed; then the stores are counted.
 *
 * All that it decides is owed in the catalog before it goes on, and it keeps nothing else that matters: it can be given up
 * anywhere and begun anew.
 */
import type { Catalog } from '#libs/catalog';
import type { Clock, StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import type { Log } from '#libs/telemetry';
import { CarryingOut } from './carrying-out.js';
import type { CarriedOut } from './carrying-out.js';
import { takeCensuses } from './census-round.js';
import type { CensusOutcome } from './census-round.js';
import { Findings } from './findings.js';
import { Courtesy } from './give-way.js';
import type { Finding, Pass } from './pass.js';
import { MAX_FINDINGS } from './pass.js';
import { OwedTally } from './owed-tally.js';
import { StageProgress } from './stage-progress.js';
import type { RepairOptions, RepairReport, StoreFailure } from './repair-report.js';

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
  /** Carries out what is owed to the stores. */
  readonly carryOut: (storeIds: readonly StoreId[]) => CarriedOut;
  readonly clock: Clock;
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
  /** Stores that could not be read. */
  readonly #failures = new Map<StoreId, string>();
  #rounds = 0;
  readonly #owed: ReadonlyMap<StoreId, OwedTally>;
  readonly #carryingOut: CarryingOut;
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
    const { catalog, clock, carryOut } = parts;
    this.#carryingOut = new CarryingOut({ obligations: catalog.obligations, clock, carryOut });
    this.#owed = new Map(options.storeIds.map((storeId) => [storeId, new OwedTally()]));
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
      this.#carryingOut.begin(this.options.storeIds);
      let isMore = true;
      while (isMore && !this.#isStopped) isMore = await this.#round();
      if (this.#isStopped) return;
      const outcome = await takeCensuses({
        ...this.#parts,
        storeIds: this.options.storeIds,
        depth: this.options.depth === 'deep' ? 'bytes' : 'names',
        isOld: (order) => this.#carryingOut.isOld(order),
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
    for (const tally of this.#owed.values()) tally.beginRound();
    await settle().catch((error: unknown) =>
      log.warn({ err: error }, 'no checkpoint: what is above the last one is not judged'),
    );
    let owed = 0;
    for (const storeId of this.options.storeIds) owed += await this.#mend(storeId);
    if (this.options.mode === 'look' || this.#carryingOut.standsStill) return false;
    if (owed === 0 && !(await this.#tryAgain())) return false;
    return this.#rounds < MAX_ROUNDS;
  }

  /**
   * Nothing differs, and what is left has failed: another replica may have it whole. Nothing is compared for that, which is
   * long where much is stored. Answers with whether something came of it, and so there is something to compare again.
   */
  async #tryAgain(): Promise<boolean> {
    const { storeIds } = this.options;
    const carryingOut = this.#carryingOut;
    const isLeft = (): boolean =>
      !carryingOut.standsStill &&
      storeIds.some((storeId) => !this.#failures.has(storeId) && carryingOut.isAnyTried(storeId));
    for (; !this.#isStopped && this.#rounds < MAX_ROUNDS && isLeft(); this.#rounds += 1) {
      const before = carryingOut.filesDone;
      for (const storeId of storeIds) await this.#carryOut(storeId);
      if (carryingOut.filesDone > before) return true;
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
    await this.#carryingOut.carryOut(storeId, (share) => this.#stages.begin(`mend ${storeId}`, share));
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
    if (this.options.mode === 'repair') {
      // Garbage is noted, and collected when its grace is over: nobody has mended it.
      const named = findings.filter((finding) => finding.action === 'owed' && !isGarbage(finding));
      this.#owed.get(pass.storeId)?.add(Math.max(named.length, owed - (found.unknown ?? 0)), named);
      return { owed, left: total - owed };
    }
    // Garbage is none of what a census counts.
    return {
      owed,
      left: total - findings.filter(({ action, kind }) => action === 'owed' && kind === 'unknown').length,
    };
  }

  /** Objects of that store; `left`: how many orders of it are not done. */
  #mended(storeId: StoreId, left: number): number {
    const { catalog } = this.#parts;
    const isDone = ({ key }: Finding): boolean => {
      const page = { after: undefined, limit: MAX_FILES_OF_CHUNK };
      return this.#carryingOut.isDone(storeId, key.kind === 'chunk' ? catalog.filesOfChunk(key.id, page) : [key.id]);
    };
    const isSure = left === 0 && !this.#failures.has(storeId);
    return this.#owed.get(storeId)?.mended({ isDone, left: isSure ? 'nothing' : 'some' }) ?? 0;
  }

  #reportOf({ censuses, failures, differing, differences, inMotion }: CensusOutcome): RepairReport {
    const { storeIds } = this.options;
    const carryingOut = this.#carryingOut;
    const unread = new Map<StoreId, string>([...this.#failures, ...failures]);
    const equal = differing === 0 && unread.size === 0;
    const reported = sum([this.#leftInRound, ...this.#leftInDepth.values()]);
    const left = new Map(storeIds.map((storeId) => [storeId, carryingOut.countLeft(storeId)]));
    const leftOver = sum(left.values());
    const untried = storeIds.flatMap((storeId): [StoreId, string][] => {
      const failure = carryingOut.failureOf(storeId);
      return failure === undefined || left.get(storeId) === 0 ? [] : [[storeId, failure]];
    });
    return {
      options: this.options,
      rounds: this.#rounds,
      found: this.#findings.found,
      findings: this.#findings.findings,
      done: sum([...left].map(([storeId, count]) => this.#mended(storeId, count))),
      filesDone: carryingOut.filesDone,
      leftOver,
      leftOvers: storeIds.flatMap((storeId) => carryingOut.leftOvers(storeId, MAX_FINDINGS)).slice(0, MAX_FINDINGS),
      reported,
      damaged: this.#parts.catalog.damage.files(MAX_FINDINGS),
      failures: [...new Map([...untried, ...unread])].map(([storeId, error]): StoreFailure => ({ storeId, error })),
      censuses,
      inMotion,
      differing,
      differences,
      equal,
      whole: equal && leftOver === 0 && reported === 0,
    };
  }
}

const isGarbage = ({ kind, key }: Finding): boolean => kind === 'unknown' && key.kind === 'chunk';

function sum(counts: Iterable<number>): number {
  return [...counts].reduce((total, count) => total + count, 0);
}
