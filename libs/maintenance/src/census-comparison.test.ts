/** Differences that are none; what a repair makes of real ones is in test/repair/. */
import { openApplyBench } from '#libs/apply/testing';
import type { Catalog } from '#libs/catalog';
import { lsn, newFileId, newUuid } from '#libs/kernel';
import type { FileId, LogId, StoreId } from '#libs/kernel';
import type { ObjectKey, ObjectKind, Store } from '#libs/stores';
import { expect, it } from 'vitest';
import { CensusTaker } from './census.js';
import { differences } from './census-comparison.js';
import type { ComparedStores, CountedStore } from './census-comparison.js';
import { StoreSight } from './store-sight.js';

/** A store of these objects and nothing else. */
async function counted(
  storeId: StoreId,
  objects: Partial<Record<ObjectKind, readonly FileId[]>>,
): Promise<CountedStore> {
  const store = {
    has: async ({ kind, id }: ObjectKey) => (objects[kind]?.includes(id as FileId) === true ? 10 : undefined),
    list: async (kind: ObjectKind) => {
      const ids = objects[kind] ?? [];
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

function stored(catalog: Catalog, storeId: StoreId, nowMs: number): FileId {
  const fileId = newFileId(1);
  const rest = { contentType: '', sha256: '', chunkSize: 1, chunkCount: 0, createdAtMs: 0, wait: 0 };
  const logId = newUuid<LogId>();
  const entry = { fileId, fileName: '', fileSize: 1, ...rest, logId, lsn: lsn(1), mode: 'async' as const };
  const changes = [{ kind: 'put' as const, entry, chunkIds: [] }];
  catalog.apply({ changes, logId, appliedLsn: lsn(1), replicaIds: [storeId], nowMs });
  return fileId;
}

async function kindsOf(stores: ComparedStores): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const page of differences(stores)) for (const { key, kind } of page) found.set(key.id, kind);
  return found;
}

it('a tombstone that a replica has lost is missing, and one that is expiring is in motion', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const [primaryId, replicaId] = [newUuid<StoreId>(), newUuid<StoreId>()];
  const [lost, expiring] = [deleted(catalog, replicaId), deleted(catalog, replicaId)];
  catalog.expiringDeletes.begin({ fileIds: [expiring], replicaIds: [replicaId], primaryId, untilMs: 2, nowMs: 3 });
  const stores = {
    primary: await counted(primaryId, { tombstone: [lost, expiring] }),
    replica: await counted(replicaId, {}),
    catalog,
    isOld: () => true,
  };
  expect(await kindsOf(stores)).toEqual(
    new Map([
      [lost, 'missing'],
      [expiring, 'in_motion'],
    ]),
  );
});

it('what is owed is in motion only where it was uploaded or deleted too late to be carried out', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const [primaryId, replicaId] = [newUuid<StoreId>(), newUuid<StoreId>()];
  const [stuck, fresh] = [deleted(catalog, replicaId), deleted(catalog, replicaId)];
  catalog.obligations.oweDelete({ fileId: stuck, storeId: replicaId, nowMs: 10 });
  catalog.obligations.oweDelete({ fileId: fresh, storeId: replicaId, nowMs: 20 });
  const [uploaded, lost] = [stored(catalog, replicaId, 20), stored(catalog, replicaId, 1)];
  catalog.obligations.close([{ fileId: lost, storeId: replicaId, generation: 1, want: 'present' }], 2);
  catalog.obligations.owe({ fileId: lost, storeId: replicaId, operation: 'verify', nowMs: 20 });
  const stores = {
    primary: await counted(primaryId, { tombstone: [stuck, fresh], manifest: [uploaded, lost] }),
    replica: await counted(replicaId, {}),
    catalog,
    isOld: ({ sinceMs }: { readonly sinceMs: number }) => sinceMs <= 15,
  };
  expect(await kindsOf(stores)).toEqual(
    new Map([
      [stuck, 'missing'],
      [fresh, 'in_motion'],
      [uploaded, 'in_motion'],
      [lost, 'missing'],
    ]),
  );
});
