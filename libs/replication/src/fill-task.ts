/** Owes replicas that joined every file, a page at a time, so that requests come between. */
import type { Catalog } from '#libs/catalog';
import type { Clock, StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Timers } from './timers.js';

/** Rows that one transaction looks at. */
const PAGE_ROWS = 2_000;
const RETRY_MS = 5_000;

export interface FillOptions {
  readonly catalog: Catalog;
  readonly replicaIds: readonly StoreId[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Called when more is owed. */
  readonly wake: () => void;
}

export class FillTask {
  readonly #options: FillOptions;
  readonly #waiting: StoreId[];
  #isBegun = false;
  #isStopped = false;

  constructor(options: FillOptions) {
    this.#options = options;
    this.#waiting = [...options.replicaIds];
  }

  start(): void {
    this.#step();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #step(): void {
    const { catalog, replicaIds, clock, timers, log, wake } = this.#options;
    const [storeId] = this.#waiting;
    if (this.#isStopped) return;
    try {
      if (!this.#isBegun) catalog.obligations.keepFilled(replicaIds);
      this.#isBegun = true;
      if (storeId === undefined) return;
      const outcome = catalog.obligations.fill({ storeId, limit: PAGE_ROWS, nowMs: clock.now() });
      if (outcome === 'filled') this.#waiting.shift();
    } catch (error) {
      log.error({ err: error, store_id: storeId }, 'a replica could not be owed all files; it is tried again');
      timers.after(RETRY_MS, () => this.#step());
      return;
    }
    wake();
    timers.soon(() => this.#step());
  }
}
