/**
 * Makes the obligations fit the settings, a page at a time, so that requests come between: replicas that joined are owed
 * every file, and what is known of stores that left is forgotten, because one that returns has missed the deletes since
 * and is looked through as a whole before anything is copied to it. It is forgotten only behind the note that the store is
 * not filled any more: a store without rows that counts as filled would be owed nothing.
 */
import type { Catalog } from '#libs/catalog';
import type { Clock, StoreId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Timers } from './timers.js';

/** Rows that one transaction looks at. */
const PAGE_ROWS = 2_000;
const RETRY_MS = 5_000;

export interface FillOptions {
  readonly catalog: Catalog;
  readonly primaryId: StoreId;
  readonly replicaIds: readonly StoreId[];
  readonly clock: Clock;
  readonly timers: Timers;
  readonly log: Log;
  /** Called when more is owed. */
  readonly wake: () => void;
}

export class FillTask {
  readonly #options: FillOptions;
  readonly #kept: ReadonlySet<StoreId>;
  readonly #waiting: StoreId[];
  #isBegun = false;
  #isStopped = false;

  constructor(options: FillOptions) {
    this.#options = options;
    this.#kept = new Set([options.primaryId, ...options.replicaIds]);
    this.#waiting = [...options.replicaIds];
  }

  start(): void {
    this.#step();
  }

  stop(): void {
    this.#isStopped = true;
  }

  #step(): void {
    if (this.#isStopped) return;
    const { timers, log } = this.#options;
    try {
      if (this.#page() === 'done') return;
    } catch (error) {
      log.error(
        { err: error, store_id: this.#waiting[0] },
        'obligations do not fit the settings yet; it is tried again',
      );
      timers.after(RETRY_MS, () => this.#step());
      return;
    }
    timers.soon(() => this.#step());
  }

  #page(): 'more' | 'done' {
    const { catalog, replicaIds, clock, wake } = this.#options;
    if (!this.#isBegun) catalog.obligations.keepFilled(replicaIds);
    this.#isBegun = true;
    const [storeId] = this.#waiting;
    if (storeId === undefined) return this.#forgetDeparted();
    const outcome = catalog.obligations.fill({ storeId, limit: PAGE_ROWS, nowMs: clock.now() });
    if (outcome === 'filled') this.#waiting.shift();
    wake();
    return 'more';
  }

  #forgetDeparted(): 'more' | 'done' {
    const { obligations, unknownChunks } = this.#options.catalog;
    for (const rows of [obligations, unknownChunks]) {
      const storeId = rows.storeIds().find((id) => !this.#kept.has(id));
      if (storeId === undefined) continue;
      rows.forgetStore({ storeId, limit: PAGE_ROWS });
      return 'more';
    }
    return 'done';
  }
}
