/**
 * Which store a replica of the settings is. What its place shows is held against what the primary remembers; the decision
 * is this table, and nothing is written to a place unless it says `make`:
 *
 *   the place shows                    | no peer of this name | never made      | a store
 *   -----------------------------------+----------------------+-----------------+------------------
 *   a store of this installation       | online, as that store, whatever its name was
 *   one that was taken out of REPLICAS | foreign, as that one | foreign         | foreign
 *   a store of another installation    | refuse               | foreign         | foreign
 *   no store                           | make                 | make            | offline
 *   nothing, it is away                | offline, make later  | the same        | offline
 *   something unreadable               | refuse               | refuse          | offline
 *
 * An empty place where a store was is a disk that is not mounted, or was emptied by somebody: to make a store there would
 * fill the wrong disk. `holdfast adopt` is how an operator says that the emptiness is meant, or that a store may come back.
 * A place across a network that is away may be new: it gets its id now, so that files can be owed to it.
 */
import { newUuid, StoreError } from '#libs/kernel';
import type { ErrorCode, StoreId } from '#libs/kernel';
import type { StoreIdentity } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { onDiskOf } from './disk-full.js';
import type { Replica, ReplicaPlace } from './types.js';

/** A look at a place: who is there, or why that cannot be told. */
export interface Sighting extends ReplicaPlace {
  readonly found: StoreIdentity | undefined;
  readonly error: Error | undefined;
}

export async function lookAt(replica: ReplicaPlace): Promise<Sighting> {
  try {
    return { ...replica, found: await replica.place.identify(), error: undefined };
  } catch (cause) {
    return {
      ...replica,
      found: undefined,
      error: cause instanceof Error ? cause : new Error(String(cause), { cause }),
    };
  }
}

const AWAY_CODES: ReadonlySet<ErrorCode> = new Set([
  'store_unreachable',
  'store_refused',
  'store_read_only',
  'store_full',
]);

/** What a service across a network answers, or does not, on a bad day: it ends without anything being changed here. */
export function isAway(error: unknown): boolean {
  return StoreError.is(error) && AWAY_CODES.has(error.code);
}

interface ReplicaContext {
  readonly log: Log;
  readonly primary: StoreIdentity;
}

export async function bindReplica(context: ReplicaContext, sighting: Sighting): Promise<Replica> {
  const { log, primary } = context;
  const { name, place, found, error } = sighting;
  const remembered = primary.peers.find((peer) => peer.name === name && !peer.removed);
  const known = remembered?.unmade ? undefined : remembered;
  const facts = { replica: name, location: place.location };
  const as = (storeId: StoreId, bound: Replica['bound']): Replica => ({
    storeId,
    name,
    place,
    location: place.location,
    bound,
  });
  if (error !== undefined) {
    if (known === undefined && !isAway(error)) throw error;
    log.warn({ ...facts, err: error }, 'replica cannot be reached; copies to it are owed');
    return known === undefined ? unmade(context, sighting) : as(known.storeId, 'offline');
  }
  if (found === undefined) {
    if (known === undefined) return makeReplica(context, sighting);
    log.warn(
      { ...facts, store_id: known.storeId },
      `replica is not there; copies to it are owed. If its disk was replaced: npm run holdfast -- adopt ${name}`,
    );
    return as(known.storeId, 'offline');
  }
  if (found.clusterId === primary.clusterId) {
    const wasRemoved = primary.peers.some(({ storeId, removed }) => storeId === found.storeId && removed === true);
    if (!wasRemoved) return as(found.storeId, 'online');
    log.warn(
      { ...facts, store_id: found.storeId },
      `a store that was taken out of REPLICAS is back; it is left alone until npm run holdfast -- adopt ${name}`,
    );
    if (remembered !== undefined) return as(remembered.storeId, 'foreign');
    return { ...as(found.storeId, 'foreign'), awaitsAdoption: true };
  }
  if (remembered === undefined) throw ofAnotherInstallation(primary, found, place.location);
  log.warn(
    { ...facts, cluster_id: found.clusterId },
    'a store of another installation stands where the replica was; it is left alone',
  );
  return as(remembered.storeId, 'foreign');
}

async function makeReplica(context: ReplicaContext, sighting: Sighting): Promise<Replica> {
  const { name, place } = sighting;
  const { initAs, ...replica } = unmade(context, sighting);
  try {
    await onDiskOf({ setting: 'REPLICAS', path: place.location }, place.init(initAs));
  } catch (error) {
    if (!isAway(error)) throw error;
    context.log.warn({ replica: name, location: place.location, err: error }, 'replica cannot be made a store yet');
    return { ...replica, initAs };
  }
  return { ...replica, bound: 'online' };
}

/** With the id that was given at an earlier start, if there was one: files are owed under it. */
function unmade({ primary }: ReplicaContext, { name, place }: Sighting): Replica & { initAs: StoreIdentity } {
  const remembered = primary.peers.find((peer) => peer.name === name && peer.unmade && !peer.removed);
  const storeId = remembered?.storeId ?? newUuid<StoreId>();
  const initAs = { clusterId: primary.clusterId, storeId, name, peers: [] };
  return { storeId, name, place, location: place.location, bound: 'offline', initAs };
}

function ofAnotherInstallation(primary: StoreIdentity, found: StoreIdentity, location: string): StoreError {
  return new StoreError(
    'store_mismatch',
    `${location} is a store of another installation; give the replica an empty directory, bucket or prefix.`,
    { context: { path: location, expected_cluster_id: primary.clusterId, actual_cluster_id: found.clusterId } },
  );
}
