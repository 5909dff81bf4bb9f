import { openApplyBench } from '#libs/apply/testing';
import type { Catalog } from '#libs/catalog';
import { lsn, newFileId, newUuid } from '#libs/kernel';
import type { FileId, LogId, StoreId } from '#libs/kernel';
import { expect, it } from 'vitest';
import { CarryingOut } from './carrying-out.js';
import type { CarriedOut } from './carrying-out.js';

const [A, B] = [newUuid<StoreId>(), newUuid<StoreId>()];
const BROKEN = { code: 'store_full', message: 'The disk is full.' };

const ended = (parts: Partial<CarriedOut> = {}): CarriedOut => ({
  total: 0,
  progress: () => ({ done: 0 }),
  finished: Promise.resolve(),
  failureOf: () => undefined,
  standstill: undefined,
  ...parts,
});

/** Deletes, because nothing has to be known of their files. */
function owe({ obligations }: Catalog, storeId: StoreId, nowMs: number): FileId {
  const fileId = newFileId(1);
  obligations.oweDelete({ fileId, storeId, nowMs });
  return fileId;
}

function carryingOut({ obligations }: Catalog, results: CarriedOut[]) {
  const clock = { nowMs: 100, now: () => clock.nowMs };
  const asked: StoreId[] = [];
  const carryOut = ([storeId]: readonly StoreId[]): CarriedOut => {
    asked.push(storeId!);
    return results.shift()!;
  };
  const carried = new CarryingOut({ obligations, clock, carryOut });
  carried.begin([A, B]);
  return { carried, clock, asked };
}

const nothing = (): void => undefined;

it('left is what was owed when it was carried out last, tried or not, and nothing that was ordered since', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const { carried, clock } = carryingOut(catalog, [ended({ failureOf: () => BROKEN })]);
  const [stuck, failed] = [owe(catalog, A, 90), owe(catalog, A, 120)];
  clock.nowMs = 130;
  expect(carried.countLeft(A)).toBe(1);
  clock.nowMs = 200;
  await carried.carryOut(A, nothing);
  clock.nowMs = 300;
  const late = owe(catalog, A, 250);
  const order = { fileId: failed, storeId: A, generation: 1, want: 'absent' as const };
  catalog.obligations.postpone([{ ...order, nextAttemptAtMs: 400, state: 'pending', error: 'EIO' }]);
  expect([carried.countLeft(A), carried.countLeft(B), carried.failureOf(A)]).toEqual([
    2,
    0,
    'store_full: The disk is full.',
  ]);
  expect(carried.leftOvers(A, 10)).toEqual([
    { storeId: A, fileId: failed, operation: 'delete', error: 'EIO' },
    { storeId: A, fileId: stuck, operation: 'delete', error: 'it was not tried' },
  ]);
  expect([stuck, failed, late].map((fileId) => carried.isDone(A, [fileId]))).toEqual([false, false, false]);
  expect([carried.isDone(B, [stuck]), carried.isDone(A, [newFileId(1)])]).toEqual([true, true]);
});

it('an untried order is no reason to try again, a failed one is', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const { carried } = carryingOut(catalog, []);
  const fileId = owe(catalog, A, 90);
  owe(catalog, A, 90);
  expect(carried.isAnyTried(A)).toBe(false);
  const order = { fileId, storeId: A, generation: 1, want: 'absent' as const };
  catalog.obligations.postpone([{ ...order, nextAttemptAtMs: 400, state: 'failed' }]);
  expect(carried.isAnyTried(A)).toBe(true);
});

it('where nothing is carried out to anybody no other store is waited for, and all that it is owed is left', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const away = { code: 'queue_unavailable', message: 'Redis is away.' };
  const { carried, clock, asked } = carryingOut(catalog, [ended({ failureOf: () => away, standstill: away })]);
  clock.nowMs = 200;
  owe(catalog, B, 150);
  await carried.carryOut(A, nothing);
  await carried.carryOut(B, nothing);
  expect([asked, carried.standsStill, carried.failureOf(B), carried.countLeft(B)]).toEqual([
    [A],
    true,
    'queue_unavailable: Redis is away.',
    1,
  ]);
});

it('a store that failed and then took all has no failure any more', async () => {
  await using bench = await openApplyBench();
  const { carried } = carryingOut(bench.catalog, [ended({ failureOf: () => BROKEN }), ended()]);
  await carried.carryOut(A, nothing);
  await carried.carryOut(A, nothing);
  expect(carried.failureOf(A)).toBeUndefined();
});

it('a file that is done in a generation before and owed anew is not done', async () => {
  await using bench = await openApplyBench();
  const { catalog } = bench;
  const { carried } = carryingOut(catalog, []);
  const fileId = newFileId(1);
  const place = { logId: newUuid<LogId>(), appliedLsn: lsn(1), replicaIds: [A], nowMs: 1 };
  catalog.apply({ changes: [{ kind: 'delete', fileId }], ...place });
  catalog.obligations.close([{ fileId, storeId: A, generation: 1, want: 'absent' }], 2);
  expect(carried.isDone(A, [fileId])).toBe(true);
  catalog.obligations.oweDelete({ fileId, storeId: A, nowMs: 3 });
  expect(carried.isDone(A, [fileId])).toBe(false);
});
