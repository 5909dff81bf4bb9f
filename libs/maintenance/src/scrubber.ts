/**
 * Scrubs every store while the server serves: one step at a time, of whichever store has waited longest for its share, so
 * that there is never more than one call under way. Each store is read at `rateBytesPerSecond`: the rate is what a disk, or
 * a network, is to bear, and it does not get smaller with every replica. One that cannot be read waits at its cursor and is
 * tried again now and then; the others go on.
 *
 * It goes on while the log is poisoned or apply is halted. It only reads, what it owes are rows of the catalog, and a disk
 * that has begun to fail is when one wants to know.
 */
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { FullRead, ScrubRun } from './full-read.js';
import type { Pass } from './pass.js';
import { ScrubPass } from './scrub-pass.js';
import type { ScrubContext, ScrubMode } from './scrub-remedy.js';
import { StoreScrub } from './store-scrub.js';
import type { ScrubView } from './store-scrub.js';

/** The first step waits until a start is over, and the rush of clients that waited for it. */
const FIRST_STEP_DELAY_MS = 10_000;
const RETRY_MS = 30_000;
/** For the step under way. */
const STOP_LIMIT_MS = 1_000;
/** A timer is set no further ahead; the clock may be put forward meanwhile. */
const MAX_SLEEP_MS = 60_000;

export interface ScrubberOptions extends ScrubContext {
  /** 0: only what is asked for is read. */
  readonly rateBytesPerSecond: number;
}

interface PacedScrub {
  readonly scrub: StoreScrub;
  /** In the time of `performance.now()`. */
  notBeforeMs: number;
  hasFailed: boolean;
}

export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #scrubs: readonly PacedScrub[];
  /** Asked for, in the order in which they are done. */
  #reads: FullRead[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: ScrubberOptions) {
    this.#options = options;
    this.#scrubs = [...options.readers.keys()].map((storeId) => ({
      scrub: new StoreScrub(options, storeId),
      notBeforeMs: 0,
      hasFailed: false,
    }));
  }

  start(): void {
    this.#options.catalog.scrubs.keepOnly([...this.#options.readers.keys()]);
    this.#schedule(FIRST_STEP_DELAY_MS);
  }

  /**
   * Resolves when the step under way has ended, or the time is up: a store that hangs keeps no server from its end. No
   * other step follows, and how far each scrub has come is written down.
   */
  async stop(timeoutMs = STOP_LIMIT_MS): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const timeOut = Promise.withResolvers<void>();
    const timer = setTimeout(timeOut.resolve, timeoutMs);
    await Promise.race([this.#running, timeOut.promise]);
    clearTimeout(timer);
    for (const read of this.#reads) read.fail(new StoreError('shutting_down', 'The server stops.'));
    for (const { scrub } of this.#scrubs) scrub.save();
  }

  /** The primary first, then the replicas in the order of the settings. */
  views(): ScrubView[] {
    return this.#scrubs.map(({ scrub }) => this.#viewOf(scrub));
  }

  /**
   * Reads everything on these stores now, and faster than `rateBytesPerSecond`; on all stores, where none is named. What is
   * being read already is joined. Throws `replica_not_found`.
   */
  readAll(names?: readonly string[]): ScrubRun {
    const unknown = names?.find((name) => !this.#scrubs.some(({ scrub }) => scrub.name === name));
    if (unknown !== undefined) {
      throw new StoreError('replica_not_found', `There is no store ${unknown}.`, { context: { store: unknown } });
    }
    const chosen = this.#scrubs.filter(({ scrub }) => names?.includes(scrub.name) ?? true);
    const run = new ScrubRun(chosen.map(({ scrub }) => this.#readOf(scrub)));
    if (this.#running === undefined) this.#schedule(0);
    return run;
  }

  /** A scrub of one store from its beginning, for whoever makes the steps himself. Throws `replica_not_found`. */
  passOf(storeId: StoreId, mode: ScrubMode = 'repair'): Pass {
    return new ScrubPass(this.#options, { storeId, mode });
  }

  #readOf({ storeId, name }: StoreScrub): FullRead {
    const underWay = this.#reads.find((read) => read.storeId === storeId);
    if (underWay !== undefined) return underWay;
    const read = new FullRead(this.passOf(storeId), { name, clock: this.#options.clock });
    if (this.#isStopped) read.fail(new StoreError('shutting_down', 'The server stops.'));
    else this.#reads.push(read);
    return read;
  }

  #viewOf(scrub: StoreScrub): ScrubView {
    const view = scrub.view();
    const read = this.#reads.find(({ storeId }) => storeId === scrub.storeId);
    if (read === undefined) return this.#options.rateBytesPerSecond === 0 ? { ...view, state: 'off' } : view;
    const { objects, bytes, found } = read.progress;
    const counts = { objects, bytes, corrupt: found.corrupt ?? 0 };
    return { ...view, ...counts, state: 'running', passStartedAtMs: read.startedAtMs, nextPassAtMs: undefined };
  }

  #schedule(delayMs: number): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#turn();
    }, delayMs);
    this.#timer.unref();
  }

  async #turn(): Promise<void> {
    let delayMs = RETRY_MS;
    try {
      delayMs = await this.#step();
    } catch (error) {
      this.#options.log.error({ err: error }, 'the scrub failed; it is tried again');
    }
    this.#running = undefined;
    this.#schedule(delayMs);
  }

  /** Answers with how long to wait for the next one. */
  async #step(): Promise<number> {
    const [read] = this.#reads;
    if (read !== undefined) {
      await this.#stepOfRead(read);
      return 0;
    }
    if (this.#options.rateBytesPerSecond === 0) return MAX_SLEEP_MS;
    const nowMs = this.#options.clock.now();
    const due = this.#scrubs.filter(({ scrub }) => scrub.isDue(nowMs));
    const [next] = due.toSorted((one, other) => one.notBeforeMs - other.notBeforeMs);
    if (next === undefined) return MAX_SLEEP_MS;
    const waitMs = next.notBeforeMs - performance.now();
    if (waitMs > 0) return Math.min(waitMs, MAX_SLEEP_MS);
    await this.#pacedStep(next);
    return 0;
  }

  async #stepOfRead(read: FullRead): Promise<void> {
    await read.step();
    if (read.state === 'running') return;
    this.#reads = this.#reads.filter((other) => other !== read);
    const { startedAtMs, progress, state } = read;
    const { scrub } = this.#scrubs.find((paced) => paced.scrub.storeId === read.storeId)!;
    if (state === 'done') scrub.readThrough({ startedAtMs, progress });
  }

  async #pacedStep(paced: PacedScrub): Promise<void> {
    const { rateBytesPerSecond, log } = this.#options;
    const { scrub } = paced;
    const startedAtMs = performance.now();
    try {
      const chargeBytes = await scrub.step();
      if (paced.hasFailed) log.info({ store: scrub.name }, 'the scrub goes on');
      paced.hasFailed = false;
      paced.notBeforeMs = startedAtMs + (1000 * chargeBytes) / rateBytesPerSecond;
    } catch (error) {
      if (!paced.hasFailed) log.warn({ store: scrub.name, err: error }, 'the scrub waits: the store cannot be read');
      paced.hasFailed = true;
      paced.notBeforeMs = performance.now() + RETRY_MS;
    }
  }
}
