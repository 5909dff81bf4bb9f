/**
 * Two censuses that differ, object by object: only the shards that differ are listed again, one at a time, and every
 * difference is looked at once more on both stores, with what is owed at that moment.
 */
import type { Catalog, Obligation } from '#libs/catalog';
import type { FileId, StoreId } from '#libs/kernel';
import type { ObjectKey, ObjectKind } from '#libs/stores';
import { objectsOf, shardOf } from './census.js';
import type { Census } from './census.js';
import { digestOf } from './object-digest.js';
import type { StoreSight } from './store-sight.js';

/** `in_motion`: it is being copied or deleted, as its order is too new to have been carried out, or its tombstones are expiring. */
export type DifferenceKind = 'missing' | 'unknown' | 'other_bytes' | 'in_motion';

export interface Difference {
  /** The replica; it is the primary that it is compared with. */
  readonly storeId: StoreId;
  readonly key: ObjectKey;
  readonly kind: DifferenceKind;
  readonly reason: string;
}

export interface CountedStore {
  readonly sight: StoreSight;
  readonly census: Census;
}

export interface ComparedStores {
  readonly primary: CountedStore;
  readonly replica: CountedStore;
  readonly catalog: Catalog;
  /** Whether an order had its turn: what is not done by then is not on its way. */
  readonly isOld: (order: Pick<Obligation, 'storeId' | 'sinceMs'>) => boolean;
}

const REASONS: Readonly<Record<DifferenceKind, string>> = {
  missing: 'the primary has it, and this store has not',
  unknown: 'this store has it, and the primary has not',
  other_bytes: 'its bytes are others than on the primary',
  in_motion: 'it is on its way',
};

/** Yields after each shard what differs there; nothing where the censuses agree. */
export async function* differences(stores: ComparedStores): AsyncGenerator<readonly Difference[]> {
  const { primary, replica } = stores;
  if (primary.census.digest === replica.census.digest) return;
  const shards = new Set([...primary.census.shards.keys(), ...replica.census.shards.keys()]);
  for (const shard of [...shards].sort()) {
    if (primary.census.shards.get(shard) === replica.census.shards.get(shard)) continue;
    yield await differencesIn(stores, shard);
  }
}

async function differencesIn(stores: ComparedStores, shard: string): Promise<Difference[]> {
  const [kind, digits] = shard.split('/') as [ObjectKind, string];
  const there = await sizesIn(stores, stores.primary, { kind, digits });
  const here = await sizesIn(stores, stores.replica, { kind, digits });
  const isDeep = stores.replica.census.depth === 'bytes';
  const found: Difference[] = [];
  for (const id of [...new Set([...there.keys(), ...here.keys()])].sort()) {
    if (!isDeep && there.get(id) === here.get(id)) continue;
    const difference = await differenceOf(stores, { kind, id } as ObjectKey);
    if (difference !== undefined) found.push(difference);
  }
  return found;
}

async function sizesIn(
  stores: ComparedStores,
  { sight }: CountedStore,
  { kind, digits }: { readonly kind: ObjectKind; readonly digits: string },
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const page of sight.shardPages(kind, digits)) {
    for (const { key, sizeBytes } of objectsOf(kind, page)) {
      if (shardOf(key) === digits && isCounted(stores, key)) sizes.set(key.id, sizeBytes);
    }
  }
  return sizes;
}

function isCounted({ catalog }: ComparedStores, key: ObjectKey): boolean {
  return key.kind !== 'chunk' || catalog.garbage.isReferenced(key.id);
}

async function differenceOf(stores: ComparedStores, key: ObjectKey): Promise<Difference | undefined> {
  const { primary, replica } = stores;
  const [there, here] = [await lookAt(primary, key), await lookAt(replica, key)];
  if (there === here || !isCounted(stores, key)) return undefined;
  const { storeId } = replica.census;
  if (isInMotion(stores, key)) return { storeId, key, kind: 'in_motion', reason: REASONS.in_motion };
  const kind = here === undefined ? 'missing' : there === undefined ? 'unknown' : 'other_bytes';
  return { storeId, key, kind, reason: REASONS[kind] };
}

/** What a census would have of it; undefined where it is not there. */
async function lookAt({ sight, census }: CountedStore, key: ObjectKey): Promise<string | undefined> {
  const sizeBytes = await sight.has(key);
  if (sizeBytes === undefined || census.depth === 'names') return sizeBytes?.toString();
  const digest = await digestOf(sight, key, sizeBytes);
  return digest === 'absent' ? undefined : `${sizeBytes} ${digest}`;
}

/**
 * An upload or a delete of a moment ago, not tried without success. An order to verify or to repair is given where somebody
 * has seen that the store lacks something: that is a difference.
 */
function isInMotion({ catalog, replica, isOld }: ComparedStores, key: ObjectKey): boolean {
  const { storeId } = replica.census;
  const isNew = (row: Obligation): boolean =>
    (row.operation === 'copy' || row.operation === 'delete') && row.attempts === 0 && !isOld(row);
  const isOnItsWay = (row: Obligation): boolean => row.state === 'expiring' || (row.state === 'pending' && isNew(row));
  const isUnderWay = (fileId: FileId): boolean =>
    catalog.obligations.of(fileId).some((row) => row.storeId === storeId && isOnItsWay(row));
  if (key.kind !== 'chunk') return isUnderWay(key.id);
  return catalog.filesOfChunk(key.id, { after: undefined, limit: MAX_FILES_OF_CHUNK }).some(isUnderWay);
}

/** A chunk may have more files than anybody wants to look at. */
const MAX_FILES_OF_CHUNK = 64;
