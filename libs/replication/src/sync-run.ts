/**
 * One sync: what was owed to some stores when it began, made due at once. How far it has come is counted in the catalog
 * and not kept here: what was ordered up to its beginning and is due since before it has not been tried yet, what was put
 * off behind it has been tried and failed, and the rest is done. It always ends: also where the queue takes no jobs, or
 * nobody does them.
 */
import type { Obligations } from '#libs/catalog';
import type { JobError } from '#libs/job-queue';
import type { StoreId } from '#libs/kernel';
import { standstillOf } from './standstill.js';
import type { HandedOut } from './standstill.js';
import type { StoreLane } from './store-lane.js';
import type { Timers } from './timers.js';
import type { SyncOperation, SyncProgress } from './types.js';

/** Rows that one transaction makes due. */
const PAGE_ROWS = 2_000;

export interface SyncContext {
  readonly obligations: Obligations;
  readonly timers: Timers;
  readonly nowMs: number;
  /** Called when more is due. */
  readonly wake: () => void;
}

interface SyncedStore {
  readonly lane: StoreLane;
  /** All of it is due. */
  isPrepared: boolean;
  /** The store itself failed since, or nothing is carried out: what is left has been tried as much as it can be. */
  failure: JobError | undefined;
}

export class SyncRun implements SyncOperation {
  readonly total: number;
  readonly finished: Promise<void>;
  readonly #context: SyncContext;
  readonly #stores: readonly SyncedStore[];
  readonly #finish: () => void;
  #isFinished = false;
  #standstill: JobError | undefined;

  constructor(lanes: readonly StoreLane[], context: SyncContext) {
    this.#context = context;
    this.#stores = lanes.map((lane) => ({ lane, isPrepared: false, failure: undefined }));
    this.total = lanes.reduce((sum, { storeId }) => {
      const { waiting, postponed } = this.#owed(storeId);
      return sum + waiting + postponed;
    }, 0);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    for (const store of this.#stores) {
      store.lane.tryNow();
      this.#prepare(store);
    }
    // Of no replicas it is over, and nothing else would say so.
    context.timers.soon(() => this.look());
  }

  get isFinished(): boolean {
    return this.#isFinished;
  }

  get standstill(): JobError | undefined {
    return this.#standstill;
  }

  failureOf(storeId: StoreId): JobError | undefined {
    return this.#stores.find(({ lane }) => lane.storeId === storeId)?.failure;
  }

  progress(): SyncProgress {
    let [failed, left] = [0, 0];
    for (const { lane, isPrepared, failure } of this.#stores) {
      const { waiting, postponed } = this.#owed(lane.storeId);
      if (failure !== undefined) failed += waiting + postponed;
      else if (isPrepared) [failed, left] = [failed + postponed, left + waiting];
      else left += waiting + postponed;
    }
    return { done: Math.max(0, this.total - failed - left), failed, left };
  }

  storeFailed(storeId: StoreId, error: JobError): void {
    for (const store of this.#stores) if (store.lane.storeId === storeId) store.failure = error;
    this.look();
  }

  /** To be asked from time to time: whether what is left can be waited for. */
  lookForStandstill(handedOut: HandedOut, nowMs: number): void {
    this.look();
    if (this.#isFinished) return;
    this.#standstill = standstillOf(handedOut, { sinceMs: this.#context.nowMs, nowMs });
    if (this.#standstill === undefined) return;
    for (const store of this.#stores) if (!this.#isOver(store)) store.failure = this.#standstill;
    this.end();
  }

  /** Something was closed, put off or given up. */
  look(): void {
    if (this.#isFinished || !this.#stores.every((store) => this.#isOver(store))) return;
    this.end();
  }

  end(): void {
    this.#isFinished = true;
    this.#finish();
  }

  #isOver({ lane, isPrepared, failure }: SyncedStore): boolean {
    if (failure !== undefined) return true;
    return isPrepared && !this.#context.obligations.isAnyDue({ storeId: lane.storeId, nowMs: this.#context.nowMs });
  }

  #owed(storeId: StoreId) {
    return this.#context.obligations.owedSince({ storeId, sinceMs: this.#context.nowMs });
  }

  #prepare(store: SyncedStore): void {
    const { obligations, nowMs, timers, wake } = this.#context;
    if (this.#isFinished) return;
    const { storeId } = store.lane;
    const isMore = obligations.makeDueNow({ storeId, nowMs, limit: PAGE_ROWS }) === PAGE_ROWS;
    wake();
    if (isMore) {
      timers.soon(() => this.#prepare(store));
      return;
    }
    store.isPrepared = true;
    timers.soon(() => this.look());
  }
}
