/** Looks after each replica that has not answered for a while: who is there, and is it still the one? */
import type { JobError } from '#libs/job-queue';
import type { Clock, ClusterId, StoreId } from '#libs/kernel';
import { StoreOpener } from '#libs/transfer';
import { StoreProbe } from './store-probe.js';
import type { StoreLane } from './store-lane.js';
import type { Timers } from './timers.js';
import type { ReplicaStore } from './types.js';

const INTERVAL_MS = 10_000;

export interface WatchOptions {
  readonly replicas: readonly ReplicaStore[];
  readonly clusterId: ClusterId;
  readonly lanes: ReadonlyMap<StoreId, StoreLane>;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Whether anything is owed to the store, due or not. */
  readonly isOwed: (storeId: StoreId) => boolean;
  readonly failed: (lane: StoreLane, error: JobError) => void;
  /** Called when a store may be tried again. */
  readonly wake: () => void;
}

interface Watched {
  readonly lane: StoreLane;
  readonly probe: StoreProbe;
  isBeingAsked: boolean;
}

export class StoreWatch {
  readonly #options: WatchOptions;
  readonly #watched: readonly Watched[];
  #isStopped = false;
  #cancelTimer: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    const { replicas, clusterId, lanes, timers } = options;
    const stores = new StoreOpener({ places: replicas.map(({ place }) => place), clusterId });
    this.#watched = replicas.map(({ storeId }) => ({
      lane: lanes.get(storeId)!,
      probe: new StoreProbe(() => stores.open(storeId), timers),
      isBeingAsked: false,
    }));
  }

  start(): void {
    const { replicas, lanes, clock } = this.#options;
    const nowMs = clock.now();
    for (const { storeId, bound } of replicas) {
      const lane = lanes.get(storeId)!;
      if (bound === 'offline') lane.startOffline(nowMs);
      if (bound === 'foreign') lane.startForeign();
    }
    this.#look();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
  }

  /** Somebody has reason to think that these stores may be back, or not what they were. */
  askNow(lanes: readonly StoreLane[]): void {
    for (const watched of this.#watched) {
      if (lanes.includes(watched.lane) && !watched.isBeingAsked) void this.#ask(watched);
    }
  }

  #look(): void {
    if (this.#isStopped) return;
    const nowMs = this.#options.clock.now();
    for (const watched of this.#watched) {
      const { lastAnswerAtMs } = watched.lane;
      const isHeardOf = watched.lane.isSound && lastAnswerAtMs !== undefined && nowMs - lastAnswerAtMs < INTERVAL_MS;
      if (!isHeardOf && !watched.isBeingAsked) void this.#ask(watched);
    }
    this.#cancelTimer = this.#options.timers.after(INTERVAL_MS, () => this.#look());
  }

  async #ask(watched: Watched): Promise<void> {
    const { lane, probe } = watched;
    watched.isBeingAsked = true;
    const finding = await probe.ask();
    watched.isBeingAsked = false;
    if (this.#isStopped) return;
    const { clock, isOwed, failed, wake } = this.#options;
    if (finding.kind !== 'present') {
      failed(lane, finding.error);
      return;
    }
    // Where something is owed, that it arrives says more than this.
    if (isOwed(lane.storeId)) lane.returned();
    else lane.answered(clock.now());
    wake();
  }
}
