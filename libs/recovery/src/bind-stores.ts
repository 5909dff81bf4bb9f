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
import { onDiskOf } from './disk-full.js';
import type { Replica, ReplicaLocation } from './types.js';

export interface BindingContext {
  readonly fs: FileSystem;
  readonly log: Log;
  readonly storagePath: string;
  readonly replicas: readonly ReplicaLocation[];
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
  const identity = found ?? (await makePrimary(context));
  const replicas: Replica[] = [];
  for (const location of context.replicas) replicas.push(await bindReplica(context, identity, location));
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

async function makePrimary(context: BindingContext): Promise<StoreIdentity> {
  const { fs, storagePath, replicas, logCluster, catalogCluster } = context;
  const identities = await Promise.all(replicas.map(({ path }) => readIdentity(fs, path)));
  const knower = logCluster ?? catalogCluster ?? identities.find((identity) => identity !== undefined)?.clusterId;
  if (knower !== undefined) {
    throw primaryEmpty(storagePath, knower);
  }
  const identity = { clusterId: newUuid<ClusterId>(), storeId: newUuid<StoreId>(), name: PRIMARY_NAME, peers: [] };
  await onDiskOf({ setting: 'STORAGE_PATH', path: storagePath }, initDirectoryStore(fs, storagePath, identity));
  return identity;
}

export function primaryEmpty(storagePath: string, knower: ClusterId): StoreError {
  return new StoreError(
    'primary_empty',
    `${storagePath} holds no store, but the log, the catalog or a replica is of installation ${knower}. Is the disk of the primary mounted? Put it back; a new installation needs all its directories empty.`,
    { context: { path: storagePath, cluster_id: knower } },
  );
}

async function bindReplica(
  { fs, log }: BindingContext,
  primary: StoreIdentity,
  { name, path }: ReplicaLocation,
): Promise<Replica> {
  const remembered = primary.peers.find((peer) => peer.name === name);
  const found = await readIdentity(fs, path).catch((error: unknown) => {
    if (remembered === undefined) throw error;
    log.warn({ replica: name, path, err: error }, 'replica cannot be read');
    return undefined;
  });
  if (found === undefined) {
    if (remembered !== undefined) {
      log.warn({ replica: name, path, store_id: remembered.storeId }, 'replica is not there; copies to it are owed');
      return { storeId: remembered.storeId, name, path, state: 'offline' };
    }
    const identity = { clusterId: primary.clusterId, storeId: newUuid<StoreId>(), name, peers: [] };
    await onDiskOf({ setting: 'REPLICAS', path }, initDirectoryStore(fs, path, identity));
    return { storeId: identity.storeId, name, path, state: 'online' };
  }
  if (found.clusterId === primary.clusterId) return { storeId: found.storeId, name, path, state: 'online' };
  if (remembered === undefined) {
    throw new StoreError(
      'store_mismatch',
      `${path} is a store of another installation; give the replica an empty directory.`,
      {
        context: { path, expected_cluster_id: primary.clusterId, actual_cluster_id: found.clusterId },
      },
    );
  }
  log.warn(
    { replica: name, path, cluster_id: found.clusterId },
    'a store of another installation stands where the replica was',
  );
  return { storeId: remembered.storeId, name, path, state: 'foreign' };
}

/** The same store twice (a copied directory, a second mount) would let two places answer for one. */
function assertDistinct(primary: StoreIdentity, replicas: readonly Replica[]): void {
  const places = new Map<StoreId, string>([[primary.storeId, 'the primary']]);
  for (const { storeId, name, path } of replicas) {
    const other = places.get(storeId);
    if (other !== undefined) {
      throw new StoreError(
        'store_mismatch',
        `${path} says it is the same store as ${other}; was it copied? Empty one of them.`,
        {
          context: { path, store_id: storeId },
        },
      );
    }
    places.set(storeId, `replica ${name}`);
  }
}

/** Peers are remembered by store, also those no longer in the settings. */
function mergePeers(peers: readonly StorePeer[], replicas: readonly Replica[]): StorePeer[] {
  const merged = new Map(peers.map((peer) => [peer.storeId, peer]));
  for (const { storeId, name, path } of replicas) merged.set(storeId, { storeId, name, location: path });
  return [...merged.values()];
}
