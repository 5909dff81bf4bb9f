import type { StoreLoad } from '#libs/catalog';
import type { StoreId } from '#libs/kernel';
import type { StorePeer } from '#libs/stores';
import type { StoreLane } from './store-lane.js';
import type { ReplicaStatus } from './types.js';

interface StatusFacts {
  readonly lane: StoreLane;
  readonly load: StoreLoad;
  readonly filling: boolean;
  /** A file was tried so often that it is tried at long intervals only. */
  readonly someFail: boolean;
  readonly nowMs: number;
}

export function statusOf(
  { storeId, name, location }: Pick<ReplicaStatus, 'storeId' | 'name' | 'location'>,
  { lane, load, filling, someFail, nowMs }: StatusFacts,
): ReplicaStatus {
  const state = lane.state(nowMs);
  return {
    storeId,
    name,
    location,
    state: state === 'online' && someFail ? 'degraded' : state,
    obligations: load.counts,
    lag: lagOf(load, nowMs),
    filling,
    lastSuccessAtMs: lane.lastSuccessAtMs,
    lastError: lane.lastError,
  };
}

/** A store that is no longer in the settings, and that nobody remembers, has no name but its id. */
export function statusOfDeparted(store: {
  readonly storeId: StoreId;
  readonly peers: readonly StorePeer[] | undefined;
  readonly load: StoreLoad;
  readonly nowMs: number;
}): ReplicaStatus {
  const { storeId, peers, load, nowMs } = store;
  const peer = peers?.find((remembered) => remembered.storeId === storeId);
  return {
    storeId,
    name: peer?.name ?? storeId,
    location: peer?.location ?? '',
    state: 'draining',
    obligations: load.counts,
    lag: lagOf(load, nowMs),
    filling: false,
    lastSuccessAtMs: undefined,
    lastError: undefined,
  };
}

function lagOf({ files, bytes, oldestSinceMs }: StoreLoad, nowMs: number): ReplicaStatus['lag'] {
  return { files, bytes, oldestMs: oldestSinceMs === undefined ? 0 : Math.max(0, nowMs - oldestSinceMs) };
}
