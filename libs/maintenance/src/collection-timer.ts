/**
 * Runs the garbage collector while the server serves: a pass at a time, in steps with a pause between, so that requests
 * come first. Started after the recovery, stopped before apply is: what a stop leaves is garbage of the next start.
 */
import type { CollectionHold } from '#libs/catalog';
import type { Log } from '#libs/telemetry';
import type { StepOutcome } from './garbage-collector.js';

/** Passes come so often that a chunk goes at most a tenth of its grace late, within these bounds. */
const MIN_INTERVAL_MS = 1_000;
const MAX_INTERVAL_MS = 60_000;
/** The first pass waits until a start is over, and the rush of clients that waited for it. */
const FIRST_PASS_DELAY_MS = 5_000;
const PAUSE_BETWEEN_STEPS_MS = 50;

/** The garbage collector as its timer sees it. */
export interface SteppedCollector {
  readonly holds: readonly CollectionHold[];
  step(): Promise<StepOutcome>;
}

export interface CollectionTimerOptions {
  readonly collector: SteppedCollector;
  readonly log: Log;
  readonly graceMs: number;
}

export class CollectionTimer {
  readonly #collector: SteppedCollector;
  readonly #log: Log;
  readonly #intervalMs: number;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #stopped = false;
  #wasHeld = false;

  constructor({ collector, log, graceMs }: CollectionTimerOptions) {
    this.#collector = collector;
    this.#log = log;
    this.#intervalMs = Math.min(Math.max(graceMs / 10, MIN_INTERVAL_MS), MAX_INTERVAL_MS);
  }

  start(): void {
    const { holds } = this.#collector;
    if (holds.some((reason) => reason !== 'unseen_replicas')) {
      this.#log.warn(
        { reasons: holds },
        'nothing is collected: files may be missing in the catalog. Put back what is missing, then let the catalog be rebuilt',
      );
    } else if (holds.length > 0) {
      this.#log.warn(
        { reasons: holds },
        'nothing is collected before every store was looked at: the catalog was rebuilt, and a replica may know files that it does not',
      );
    }
    this.#wasHeld = holds.length > 0;
    this.#schedule(Math.min(FIRST_PASS_DELAY_MS, this.#intervalMs));
  }

  /** Resolves when the step under way has ended; no other follows. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#running;
  }

  #schedule(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#running = this.#step();
    }, delayMs);
    this.#timer.unref();
  }

  async #step(): Promise<void> {
    try {
      const outcome = await this.#collector.step();
      if (this.#wasHeld && outcome !== 'held') this.#log.info({}, 'garbage is collected again');
      this.#wasHeld = outcome === 'held';
      this.#schedule(outcome === 'busy' ? PAUSE_BETWEEN_STEPS_MS : this.#intervalMs);
    } catch (error) {
      this.#log.warn({ err: error }, 'a collection of garbage failed; the next one tries again');
      this.#schedule(this.#intervalMs);
    }
  }
}
