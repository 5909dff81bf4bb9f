/** Differences that are none; what a repair makes of real ones is in test/repair/. */
import { openApplyBench } from '#libs/apply/testing';
import type { Catalog } from '#libs/catalog';
import { lsn, newFileId, newUuid } from '#libs/kernel';
import type { FileId, LogId, StoreId } from '#libs/kernel';
import type { ObjectKey, ObjectKind, Store } from '#libs/stores';
import { expect, it } from 'vitest';
import { CensusTaker } from './census.js';
import { differences } from './census-comparison.js';
import type { CountedStore } from './census-comparison.js';
import { StoreSight } from './store-sight.js';

/** A store of these tombstones and nothing else. */
async function counted(storeId: StoreId, tombstones: readonly FileId[]): Promise<CountedStore> {
  const store = {
    has: async ({ id }: ObjectKey) => (tombstones.includes(id as FileId) ? 10 : undefined),
    list: async (kind: ObjectKind) => {
      const ids = kind === 'tombstone' ? tombstones : [];
      return { ids, sizes: ids.map(() => 10), next: undefined };
    },
  } as unknown as Store;
  const sight = await StoreSight.open({ open: async () => store, confirm: async () => undefined }, storeId);
  const taker = new CensusTaker({ storeId, sight, depth: 'names', isReferenced: () => true });
  while ((await taker.step()) === 'busy');
  return { sight, census: taker.census() };
}

function deleted(catalog: Catalog, storeId: StoreId): FileId {
  const fileId = newFileId(1);
  const place = { logId: newUuid<LogId>(), appliedLsn: lsn(1), replicaIds: [storeId], nowMs: 1 };
  catalog.apply({ changes: [{ kind: 'delete', fileId }], ...place });
  catalog.obligations.close([{ fileId, storeId, generation: 1, want: 'absent' }], 2);
  return fileId;
}

it('a tombstone that a replica has lost is missing, and one that is expiring is in motion', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const [primaryId, replicaId] = [newUuid<StoreId>(), newUuid<StoreId>()];
  const [lost, expiring] = [deleted(catalog, replicaId), deleted(catalog, replicaId)];
  catalog.expiringDeletes.begin({ fileIds: [expiring], replicaIds: [replicaId], primaryId, untilMs: 2, nowMs: 3 });
  const stores = {
    primary: await counted(primaryId, [lost, expiring]),
    replica: await counted(replicaId, []),
    catalog,
  };
  const found = new Map<string, string>();
  for await (const page of differences(stores)) for (const { key, kind } of page) found.set(key.id, kind);
  expect(found).toEqual(
    new Map([
      [lost, 'missing'],
      [expiring, 'in_motion'],
    ]),
  );
});
