/**
 * Adopts a replica of the settings: an empty place becomes a new store, and a store that had been taken out, or was copied
 * from another one, becomes a replica under an id that nobody has heard of yet. Under a new id nothing that was owed,
 * handed out or answered before is of any interest, and every file is owed to it by the next start.
 *
 * What it holds and the primary does not must not come back one day: it was deleted meanwhile. The order is what makes that
 * safe to be cut off anywhere:
 *
 *   tombstones    for what has one on the primary: put there, durably, and the manifests deleted
 *   set aside     manifests that nobody knows anything of, to `corrupt/`: their tombstones may have expired
 *   identity      the new one; until here it is as foreign as it was
 */
import type { CatalogSight } from '#libs/catalog';
import { forEachConcurrently, newUuid, StoreError } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import { PrimaryStore } from '#libs/stores';
import type { Store, StoreIdentity } from '#libs/stores';
import { surveyLog } from '#libs/wal';
import type { LogSurvey } from '#libs/wal';
import assert from 'node:assert/strict';
import { lookAt } from './bind-replica.js';
import type { Sighting } from './bind-replica.js';
import { identifyPrimary, primaryEmpty } from './bind-stores.js';
import { whileStopped } from './examine-log.js';
import type { StoppedOptions } from './examine-log.js';
import { idsOf, manifestsOnlyOn } from './stored-files.js';

export interface AdoptOptions extends StoppedOptions {
  /** Of a replica in the settings. */
  readonly name: string;
}

export type AdoptionKind =
  /** It is what it was, or a start takes it as it is. */
  | 'not_needed'
  /** The place is no store. */
  | 'make'
  /** A store of this installation that was taken out, or that this primary does not know. */
  | 'take'
  /** It says that it is a store that stands elsewhere too. */
  | 'copy';

export interface Adoption {
  readonly kind: AdoptionKind;
  readonly location: string;
  readonly found: StoreIdentity | undefined;
  /** Manifests there. */
  readonly files: number;
  /** Of them: files that were deleted meanwhile. */
  readonly deleted: readonly FileId[];
  /** Of them: files of which nobody here knows anything. */
  readonly unknown: readonly FileId[];
  /** Set when it is done. */
  readonly storeId: StoreId | undefined;
}

/** What `adoptReplica` would do. Changes nothing. */
export const planAdoption = (options: AdoptOptions): Promise<Adoption> => adopt(options, 'plan');

/** Throws what a place says that is no store of this installation, with nothing changed. */
export const adoptReplica = (options: AdoptOptions): Promise<Adoption> => adopt(options, 'do');

function adopt(options: AdoptOptions, mode: 'plan' | 'do'): Promise<Adoption> {
  return whileStopped(options, () =>
    options.lookIntoCatalog(async (sight) => {
      const survey = await surveyLog(options.fs, options.walPath);
      const primary = await primaryOf(options, { sight, survey });
      const sighting = await sightingOf(options, primary.identity);
      const kind = await judge(options, primary.identity, sighting);
      const { found, place } = sighting;
      const stale =
        found === undefined || kind === 'not_needed'
          ? { files: 0, deleted: [], unknown: [] }
          : await staleOn({ primary, store: place.open(found), sight, survey });
      const adoption = { kind, location: place.location, found, ...stale, storeId: undefined };
      if (mode === 'plan' || kind === 'not_needed') return adoption;
      const identity = {
        clusterId: primary.identity.clusterId,
        storeId: newUuid<StoreId>(),
        name: options.name,
        peers: [],
      };
      if (found === undefined) await place.init(identity);
      else {
        await clear(primary, place.open(found), stale);
        assert(place.reidentify !== undefined, 'places of the settings can be given another identity');
        await place.reidentify(identity);
      }
      return { ...adoption, storeId: identity.storeId };
    }),
  );
}

interface Known {
  readonly sight: CatalogSight;
  readonly survey: LogSurvey | undefined;
}

async function primaryOf(options: AdoptOptions, { sight, survey }: Known): Promise<PrimaryStore> {
  const identity = await identifyPrimary({ ...options, logCluster: survey?.clusterId });
  if (identity !== undefined) return new PrimaryStore(options.fs, options.storagePath, identity);
  const knower = survey?.clusterId ?? (sight.ok ? sight.catalog.clusterId : undefined);
  if (knower !== undefined) throw primaryEmpty(options.storagePath, knower);
  throw new StoreError(
    'not_a_store',
    `${options.storagePath} is no store yet: there is nothing to adopt a replica to.`,
  );
}

async function sightingOf({ replicas, name }: AdoptOptions, primary: StoreIdentity): Promise<Sighting> {
  const replica = replicas.find((each) => each.name === name);
  if (replica === undefined) {
    const names = replicas.map((each) => each.name).join(', ');
    throw new StoreError('replica_not_found', `No replica of REPLICAS is called ${name}; there are: ${names}.`);
  }
  const sighting = await lookAt(replica);
  if (sighting.error !== undefined) throw sighting.error;
  const { found, place } = sighting;
  if (found === undefined || found.clusterId === primary.clusterId) return sighting;
  throw new StoreError(
    'store_mismatch',
    `${place.location} is a store of another installation (${found.clusterId}); it is not taken. Name another place for ${name}, or empty this one if nobody needs it.`,
    { context: { path: place.location, expected_cluster_id: primary.clusterId, actual_cluster_id: found.clusterId } },
  );
}

/**
 *   the place shows                                 | what it takes
 *   ------------------------------------------------+--------------------------------------------
 *   no store                                        | make
 *   the primary's id, or one that another place has | copy
 *   a replica that the primary knows and not as removed | nothing: it is that replica, wherever it stood before
 *   anything else of this installation              | take: what it missed nobody knows
 */
async function judge(
  { replicas, name }: AdoptOptions,
  primary: StoreIdentity,
  { found }: Sighting,
): Promise<AdoptionKind> {
  if (found === undefined) return 'make';
  const others = await Promise.all(replicas.filter((each) => each.name !== name).map(lookAt));
  const isTwice = others.some((other) => other.found?.storeId === found.storeId);
  if (isTwice || found.storeId === primary.storeId) return 'copy';
  const peer = primary.peers.find(({ storeId }) => storeId === found.storeId);
  return peer !== undefined && peer.removed !== true ? 'not_needed' : 'take';
}

interface Stale {
  readonly files: number;
  readonly deleted: readonly FileId[];
  readonly unknown: readonly FileId[];
}

interface Compared extends Known {
  readonly primary: PrimaryStore;
  readonly store: Store;
}

/**
 * What is on the store alone. A file that the catalog knows is not stale, its manifest on the primary was lost; nor is one
 * whose record is in the log: the replay makes of it what it is.
 */
async function staleOn({ primary, store, sight, survey }: Compared): Promise<Stale> {
  const logged = new Set(
    survey?.segments.flatMap(({ records }) =>
      records.flatMap(({ type, fileId }) => (type === 'file_put' ? [fileId] : [])),
    ),
  );
  const deleted: FileId[] = [];
  const unknown: FileId[] = [];
  for await (const id of manifestsOnlyOn(store, primary)) {
    if ((await primary.has({ kind: 'tombstone', id })) !== undefined) deleted.push(id);
    else if (!logged.has(id) && !(sight.ok && sight.catalog.hasFile(id))) unknown.push(id);
  }
  let files = 0;
  for await (const _ of idsOf(store, 'manifest')) files += 1;
  return { files, deleted, unknown };
}

const AT_ONCE = 4;
const PAGE = 256;

async function clear(primary: PrimaryStore, store: Store, { deleted, unknown }: Stale): Promise<void> {
  for (let at = 0; at < deleted.length; at += PAGE) {
    const page = deleted.slice(at, at + PAGE);
    const tombstones = await Promise.all(
      page.map(async (id) => ({ id, bytes: await primary.get({ kind: 'tombstone', id }) })),
    );
    await store.putAll(
      tombstones.flatMap(({ id, bytes }) =>
        bytes === undefined ? [] : [{ key: { kind: 'tombstone' as const, id }, bytes }],
      ),
    );
    await store.deleteAll(page.map((id) => ({ kind: 'manifest', id })));
  }
  await forEachConcurrently(unknown, AT_ONCE, (id) => store.setAside({ kind: 'manifest', id }));
}
