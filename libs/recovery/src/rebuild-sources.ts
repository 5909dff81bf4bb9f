/** What a rebuild is made from, looked at without changing anything; whatever it must not go on with is refused here. */
import type { CatalogFiles, CatalogSight } from '#libs/catalog';
import { newUuid, NO_LSN, StoreError } from '#libs/kernel';
import type { ClusterId, Lsn, StoreId } from '#libs/kernel';
import { readIdentity } from '#libs/stores';
import type { Store, StoreIdentity, StorePeer, StorePlace } from '#libs/stores';
import { surveyLog, verifyLog } from '#libs/wal';
import type { LogSurvey } from '#libs/wal';
import { lookAt } from './bind-replica.js';
import type { Sighting } from './bind-replica.js';
import type { StoppedOptions } from './examine-log.js';
import { helpingStore } from './helping-store.js';
import type { ReadableStore } from './helping-store.js';
import { entriesOf, readMarker, rebuildCommand } from './rebuild-marker.js';
import type { RebuildMarker } from './rebuild-marker.js';

export interface RebuildOptions extends StoppedOptions {
  readonly source: StorePlace;
  /** What `--from` said, for people to repeat. */
  readonly from: string;
  /** Files that only other stores than the source have: to be named, or to be taken too. */
  readonly others: 'named' | 'taken';
  readonly catalogs: Pick<CatalogFiles, 'setAside'>;
  readonly signal: AbortSignal;
  readonly progress: (step: { readonly files: number; readonly bytes: number }) => void;
}

export type LogAtHand =
  | { readonly kind: 'none' }
  | { readonly kind: 'usable'; readonly survey: LogSurvey; readonly lastLsn: Lsn }
  /** It is this installation's, and a start would refuse it: nothing of it is used. */
  | { readonly kind: 'refused'; readonly refusal: StoreError };

/** A replica of the settings, as it was found. */
export interface SeenReplica extends Sighting {
  readonly state: 'source' | 'reachable' | 'unreachable' | 'no_store';
}

export interface RebuildSources {
  readonly source: Store;
  /** Reachable stores of the settings beside the source. */
  readonly helpers: readonly ReadableStore[];
  readonly replicas: readonly SeenReplica[];
  readonly log: LogAtHand;
  readonly catalog: 'sound' | 'corrupt' | 'missing';
  /** Of a rebuild that was interrupted, or of the one to begin. */
  readonly marker: RebuildMarker;
  readonly isResumed: boolean;
}

/** Under the locks of `whileStopped`. */
export async function openSources(options: RebuildOptions): Promise<RebuildSources> {
  const { fs, storagePath, source: place, from } = options;
  const begun = await readMarker(fs, storagePath);
  const identity = await place.identify();
  if (identity === undefined) {
    throw new StoreError('not_a_store', `${place.location} is no store: nothing can be rebuilt from it.`, {
      context: { path: place.location },
    });
  }
  await assertRoomFor(options, { begun, identity });
  const { clusterId } = identity;
  const { log, catalog } = await options.lookIntoCatalog(async (sight) => {
    if (sight.ok) assertSame(clusterId, sight.catalog.clusterId, 'The catalog');
    return { log: await logAtHand(options, sight, clusterId), catalog: sight.ok ? 'sound' : sight.reason } as const;
  });
  const replicas = await Promise.all(options.replicas.map(async (replica) => seen(await lookAt(replica), options)));
  for (const { found, place: at } of replicas) {
    if (found !== undefined) assertSame(clusterId, found.clusterId, `The store at ${at.location}`);
  }
  const reachable = replicas.filter(({ state }) => state === 'reachable');
  const marker = begun ?? { clusterId, storeId: newUuid<StoreId>(), sourceId: identity.storeId, from };
  return {
    source: place.open(identity),
    helpers: reachable.map((replica) => helpingStore(replica.place.open(replica.found!))),
    replicas,
    log,
    catalog,
    marker,
    isResumed: begun !== undefined,
  };
}

function seen(sighting: Sighting, { source }: RebuildOptions): SeenReplica {
  const { error, found, place } = sighting;
  if (error !== undefined) return { ...sighting, state: 'unreachable' };
  if (found === undefined) return { ...sighting, state: 'no_store' };
  return { ...sighting, state: place.location === source.location ? 'source' : 'reachable' };
}

interface Beginning {
  readonly begun: RebuildMarker | undefined;
  readonly identity: StoreIdentity;
}

async function assertRoomFor({ fs, storagePath, from }: RebuildOptions, { begun, identity }: Beginning): Promise<void> {
  if (begun !== undefined) {
    assertSame(identity.clusterId, begun.clusterId, `The rebuild that was begun in ${storagePath}`);
    if (begun.sourceId === identity.storeId) return;
    throw new StoreError(
      'primary_taken',
      `A rebuild of ${storagePath} from another store was begun and not ended. Go on with it (${rebuildCommand(begun.from)}), or empty ${storagePath} to begin anew from ${from}.`,
      { context: { path: storagePath, command: rebuildCommand(begun.from) } },
    );
  }
  const entries = await entriesOf(fs, storagePath);
  if (entries.length === 0) return;
  const standing = await readIdentity(fs, storagePath).catch(() => undefined);
  const what = standing === undefined ? `holds ${entries[0]}` : `is the store ${standing.name}`;
  throw new StoreError(
    'primary_taken',
    `${storagePath} is not empty, it ${what}: a rebuild goes only into an empty place. If you want a new primary there, move what it holds away.`,
    { context: { path: storagePath, cluster_id: standing?.clusterId ?? null } },
  );
}

function assertSame(expected: ClusterId, actual: ClusterId, who: string): void {
  if (expected === actual) return;
  throw new StoreError(
    'store_mismatch',
    `${who} is of another installation (${actual}) than the store to rebuild from (${expected}). Do the settings name the right places?`,
    { context: { expected_cluster_id: expected, actual_cluster_id: actual } },
  );
}

/** As a start would take it. Throws `log_mismatch`. */
async function logAtHand(
  { fs, walPath }: RebuildOptions,
  sight: CatalogSight,
  clusterId: ClusterId,
): Promise<LogAtHand> {
  try {
    const verified = await verifyLog(fs, walPath, (logId) =>
      sight.ok ? (sight.catalog.appliedLsn(logId) ?? NO_LSN) : NO_LSN,
    );
    if (verified === undefined) return { kind: 'none' };
    assertSame(clusterId, verified.clusterId, 'The log at WAL_PATH');
    const survey = await surveyLog(fs, walPath);
    return survey === undefined ? { kind: 'none' } : { kind: 'usable', survey, lastLsn: verified.lastLsn };
  } catch (refusal) {
    if (!StoreError.is(refusal, 'log_corrupt') && !StoreError.is(refusal, 'log_behind')) throw refusal;
    return { kind: 'refused', refusal };
  }
}

/**
 * The replicas that the new primary remembers. Of one that is not there nobody knows which store it is; it is remembered
 * under an id that no store has, so that a start takes its empty place for a disk that is not mounted, and fills nothing.
 * The source, where it is no replica of the settings, misses every delete from now on: it counts as taken out.
 */
export function peersOf({ replicas, source }: RebuildSources): StorePeer[] {
  const peers = new Map<StoreId, StorePeer>();
  for (const { name, place, found } of replicas) {
    const storeId = found?.storeId ?? newUuid<StoreId>();
    peers.set(storeId, { storeId, name, location: place.location });
  }
  const { identity } = source;
  const others = [...identity.peers, { storeId: identity.storeId, name: identity.name, location: '' }];
  for (const { storeId, name, location } of others) {
    if (!peers.has(storeId)) peers.set(storeId, { storeId, name, location, removed: true });
  }
  return [...peers.values()];
}
