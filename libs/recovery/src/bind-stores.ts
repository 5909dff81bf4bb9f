/**
 * Who is who: finds out, before anything is written, which installation the directories of the settings belong to, and
 * refuses where bytes would go to the wrong place. A place becomes a store only here.
 */
import type { FileSystem } from '#libs/durable-fs';
import { newUuid, StoreError } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import { initDirectoryStore, PrimaryStore, readIdentity, writeIdentity } from '#libs/stores';
import type { StoreIdentity, StorePeer } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { bindReplica, isAway, lookAt } from './bind-replica.js';
import type { Sighting } from './bind-replica.js';
import { onDiskOf } from './disk-full.js';
import { assertNotHalfBuilt, rebuildCommand } from './rebuild-marker.js';
import type { Replica, ReplicaPlace } from './types.js';

export interface BindingContext {
  readonly fs: FileSystem;
  readonly log: Log;
  readonly storagePath: string;
  readonly replicas: readonly ReplicaPlace[];
  /** The installation that the log, or the catalog, says it is of. */
  readonly logCluster: ClusterId | undefined;
  readonly catalogCluster: ClusterId | undefined;
}

export interface BoundStores {
  readonly primary: PrimaryStore;
  readonly replicas: readonly Replica[];
  readonly primaryWasMade: boolean;
}

export async function bindStores(context: BindingContext): Promise<BoundStores> {
  const { fs, storagePath } = context;
  const found = await identifyPrimary(context);
  const sightings = await Promise.all(context.replicas.map(lookAt));
  const identity = found ?? (await makePrimary(context, sightings));
  const replicas: Replica[] = [];
  for (const sighting of sightings) replicas.push(await bindReplica({ log: context.log, primary: identity }, sighting));
  assertDistinct(identity, replicas);
  const bound = { ...identity, peers: mergePeers(identity.peers, replicas) };
  if (JSON.stringify(bound.peers) !== JSON.stringify(identity.peers)) {
    await onDiskOf({ setting: 'STORAGE_PATH', path: storagePath }, writeIdentity(fs, storagePath, bound));
  }
  return { primary: new PrimaryStore(fs, storagePath, bound), replicas, primaryWasMade: found === undefined };
}

/** The name is the role: a replica is never called so. */
const PRIMARY_NAME = 'primary';

type PrimaryContext = Pick<BindingContext, 'fs' | 'storagePath' | 'logCluster'>;

/** Who the primary is, or undefined where there is no store. Reads only; throws where it is not the log's primary. */
export async function identifyPrimary(context: PrimaryContext): Promise<StoreIdentity | undefined> {
  await assertNotHalfBuilt(context.fs, context.storagePath);
  const found = await readIdentity(context.fs, context.storagePath);
  if (found !== undefined) assertPrimary(context, found);
  return found;
}

/** A replica in the primary's place would be written to, while the primary misses what it was promised to hold. */
function assertPrimary({ logCluster, storagePath }: PrimaryContext, primary: StoreIdentity): void {
  if (primary.name !== PRIMARY_NAME) {
    throw new StoreError(
      'store_mismatch',
      `${storagePath} is the replica ${primary.name}, not the primary; are STORAGE_PATH and REPLICAS swapped?`,
      { context: { path: storagePath, store_id: primary.storeId } },
    );
  }
  if (logCluster === undefined || logCluster === primary.clusterId) return;
  throw new StoreError(
    'log_mismatch',
    'The log at WAL_PATH is of another installation than the primary; put its own log back.',
    {
      context: { expected_cluster_id: primary.clusterId, actual_cluster_id: logCluster },
    },
  );
}

async function makePrimary(context: BindingContext, sightings: readonly Sighting[]): Promise<StoreIdentity> {
  const { fs, storagePath, logCluster, catalogCluster } = context;
  for (const { error } of sightings) if (error !== undefined && !isAway(error)) throw error;
  const replica = sightings.find(({ found }) => found !== undefined);
  const knower = logCluster ?? catalogCluster ?? replica?.found?.clusterId;
  if (knower !== undefined) {
    throw primaryEmpty(storagePath, knower, replica);
  }
  const identity = { clusterId: newUuid<ClusterId>(), storeId: newUuid<StoreId>(), name: PRIMARY_NAME, peers: [] };
  await onDiskOf({ setting: 'STORAGE_PATH', path: storagePath }, initDirectoryStore(fs, storagePath, identity));
  return identity;
}

/** `replica`: one that is there, for the command that makes a primary of it. */
export function primaryEmpty(storagePath: string, knower: ClusterId, replica?: { readonly name: string }): StoreError {
  const command = rebuildCommand(replica?.name ?? 'NAME');
  const which = replica === undefined ? ', NAME being a replica, ' : ' ';
  return new StoreError(
    'primary_empty',
    `${storagePath} holds no store, but the log, the catalog or a replica is of installation ${knower}. Is the disk of the primary mounted? Put it back. If it is lost, ${command}${which}makes a new one of a replica; a new installation needs all its directories empty.`,
    { context: { path: storagePath, cluster_id: knower, command } },
  );
}

/** The same store twice (a copied directory, a second mount) would let two places answer for one. */
function assertDistinct(primary: StoreIdentity, replicas: readonly Replica[]): void {
  const places = new Map<StoreId, string>([[primary.storeId, 'the primary']]);
  for (const { storeId, name, location } of replicas) {
    const other = places.get(storeId);
    if (other !== undefined) {
      throw new StoreError(
        'store_mismatch',
        `${location} says it is the same store as ${other}; was it copied? Give the copy an id of its own: npm run holdfast -- adopt ${name} --yes`,
        {
          context: { path: location, store_id: storeId },
        },
      );
    }
    places.set(storeId, `replica ${name}`);
  }
}

/** Peers are remembered by store, and those no longer in the settings as removed. */
function mergePeers(peers: readonly StorePeer[], replicas: readonly Replica[]): StorePeer[] {
  const merged = new Map(
    peers.map(({ storeId, name, location }) => [storeId, removedPeer({ storeId, name, location })]),
  );
  for (const { storeId, name, location, initAs, awaitsAdoption } of replicas) {
    const peer: StorePeer = { storeId, name, location };
    if (awaitsAdoption) merged.set(storeId, removedPeer(peer));
    else merged.set(storeId, initAs === undefined ? peer : { ...peer, unmade: true });
  }
  return [...merged.values()];
}

const removedPeer = (peer: StorePeer): StorePeer => ({ ...peer, removed: true });
