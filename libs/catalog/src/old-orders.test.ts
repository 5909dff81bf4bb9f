/** What is owed still of orders that had their time. */
import { nodeFileSystem } from '#libs/durable-fs';
import { newFileId } from '#libs/kernel';
import type { ClusterId, FileId, StoreId } from '#libs/kernel';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Catalog } from './catalog.js';
import type { Closing } from './obligations.js';
import { createCatalog } from './open-catalog.js';

const CLUSTER_ID = 'c1057e40-0000-4000-8000-000000000001' as ClusterId;
const A = '5704e000-0000-4000-8000-00000000000a' as StoreId;
const B = '5704e000-0000-4000-8000-00000000000b' as StoreId;
const OLD = { storeId: A, untilMs: 100, nowMs: 300 };

let root: string;
let catalog: Catalog;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-old-orders-'));
  catalog = await createCatalog(nodeFileSystem, join(root, 'catalog.db'), CLUSTER_ID, async () => undefined);
});
afterEach(async () => {
  await catalog.close();
  await rm(root, { recursive: true });
});

/** Deletes, because nothing has to be known of their files. */
function owe(count: number, { nowMs, storeId = A }: { readonly nowMs: number; readonly storeId?: StoreId }): FileId[] {
  const fileIds = Array.from({ length: count }, () => newFileId(1));
  for (const fileId of fileIds) catalog.obligations.oweDelete({ fileId, storeId, nowMs });
  return fileIds;
}

const order = (fileId: FileId): Closing => ({ fileId, storeId: A, generation: 1, want: 'absent' });

it('all is counted, also what was not tried, and not what is done, newer than that, or of another store', () => {
  const [done, failed] = owe(30, { nowMs: 50 }) as [FileId, FileId];
  catalog.obligations.close([order(done)], 60);
  catalog.obligations.postpone([{ ...order(failed), nextAttemptAtMs: 500, state: 'failed', error: 'EIO' }]);
  owe(5, { nowMs: 101 });
  owe(5, { nowMs: 50, storeId: B });
  expect(catalog.obligations.countStill(OLD)).toBe(29);
});

it('what was ordered before the clock was put back is among it', () => {
  owe(2, { nowMs: 9_000 });
  expect(catalog.obligations.countStill(OLD)).toBe(2);
  expect(catalog.obligations.still({ ...OLD, limit: 10 })).toHaveLength(2);
});

it('those that failed come first, however much stands before them', () => {
  const fileIds = owe(300, { nowMs: 50 });
  const put = { nextAttemptAtMs: 500, error: 'EIO' };
  catalog.obligations.postpone([
    { ...order(fileIds[298]!), ...put, state: 'pending' },
    { ...order(fileIds[299]!), ...put, state: 'failed' },
  ]);
  owe(5, { nowMs: 101 });
  const page = catalog.obligations.still({ ...OLD, limit: 3 });
  const named = page.slice(0, 2).map(({ fileId }) => fileId);
  expect(named.toSorted()).toEqual(fileIds.slice(298).toSorted());
  const failed = { attempts: 1, error: 'EIO' };
  expect(page).toMatchObject([failed, failed, { operation: 'delete', attempts: 0, error: undefined }]);
});
