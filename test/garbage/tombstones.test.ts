/** When a tombstone may go, each condition alone, and what a store that fails leaves of an expiry. */
import type { FileId } from '#libs/kernel';
import { GarbageCollector } from '#libs/maintenance';
import { silentLog } from '#libs/telemetry';
import { fileOf } from '#libs/transfer/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { installedMachine, PRIMARY_PATH } from '../states/machine.js';
import { GRACE_MS, pass } from './bench.js';
import {
  actingBefore,
  HOLD_MS,
  listingNoTombstones,
  manifest,
  ROUND_MS,
  TombstoneBench,
  tombstone,
} from './tombstone-bench.js';
import type { Place } from './tombstone-bench.js';

const EVERYWHERE = ['primary', 'first', 'second'];

let bench: TombstoneBench;
let first: Place;
let second: Place;
beforeEach(async () => {
  bench = await TombstoneBench.open(await installedMachine());
  [, first, second] = bench.places as [Place, Place, Place];
});

const rowsOf = (fileId: FileId) => bench.catalog.obligations.of(fileId);

async function expectExpired(fileId: FileId): Promise<void> {
  expect(await bench.having(tombstone(fileId))).toEqual([]);
  expect(rowsOf(fileId)).toEqual([]);
  expect(await bench.findings()).toEqual([]);
}

async function expectKept(fileId: FileId): Promise<void> {
  expect(await bench.having(tombstone(fileId))).toEqual(EVERYWHERE);
}

it('goes from every store when it was held long enough, and with it what the catalog has of the delete', async () => {
  const kept = await bench.put('kept');
  const fileId = await bench.deleted();
  expect(await bench.having(tombstone(fileId))).toEqual(EVERYWHERE);
  await bench.expire();
  await expectExpired(fileId);
  expect(await bench.having(manifest(kept))).toEqual(EVERYWHERE);
  expect(rowsOf(kept)).toMatchObject([{ state: 'done' }, { state: 'done' }]);
});

it('is what the collection does last in a pass', async () => {
  const fileId = await bench.deleted();
  const { expiry: tombstoneExpiry } = bench;
  const { clock } = bench.machine;
  const parts = { ...bench.running.parts, clock, log: silentLog, graceMs: GRACE_MS };
  const collector = new GarbageCollector({ ...parts, tombstoneExpiry });
  bench.pass(HOLD_MS);
  for (let round = 0; round < 2; round += 1) {
    bench.pass(ROUND_MS);
    await pass(collector);
  }
  expect(await bench.having(tombstone(fileId))).toEqual([]);
  expect(rowsOf(fileId)).toEqual([]);
});

it('goes although a directory of others was removed from the primary', async () => {
  const fileId = await bench.deleted();
  const shard = fileId.endsWith('00') ? '01' : '00';
  await bench.machine.fs.rename(`${PRIMARY_PATH}/tombstones/${shard}`, '/removed');
  await bench.expire();
  await expectExpired(fileId);
});

it('takes many, in bounded steps', async () => {
  const fileIds: FileId[] = [];
  for (let number = 0; number < 40; number += 1) fileIds.push(await bench.put(`file ${number}`));
  for (const fileId of fileIds) await bench.running.files.delete(fileId);
  await bench.carryOut();
  await bench.forgetLog();
  const together: number[] = [];
  first.store = actingBefore(first.directory, 'deleteAll', (keys) => together.push(keys.length));
  await bench.expire();
  for (const fileId of fileIds) await expectExpired(fileId);
  expect(together).toEqual([32, 8]);
});

describe('a tombstone stays', () => {
  let fileId: FileId;
  beforeEach(async () => {
    fileId = await bench.deleted();
  });

  /** Every case ends with this: what kept it was what the case says, and nothing else. */
  async function expectToGoOnceAgain(): Promise<void> {
    await bench.expire();
    await expectExpired(fileId);
  }

  it('until the hold is over, from the last confirmation on', async () => {
    const { obligations } = bench.catalog;
    bench.pass(HOLD_MS);
    // Confirmed anew by one replica alone.
    obligations.oweDelete({ fileId, storeId: second.storeId, nowMs: bench.machine.clock.nowMs });
    await bench.carryOut();
    for (const leftMs of [HOLD_MS - ROUND_MS, ROUND_MS / 2]) {
      bench.pass(leftMs);
      await bench.round();
      await expectKept(fileId);
    }
    await expectToGoOnceAgain();
  });

  it('while a replica has not confirmed the delete', async () => {
    bench.catalog.obligations.oweDelete({ fileId, storeId: second.storeId, nowMs: 1 });
    await bench.expire();
    await expectKept(fileId);
    await bench.carryOut();
    await expectToGoOnceAgain();
  });

  it('while a repair of the primary is owed: it may be on its way', async () => {
    const { clock } = bench.machine;
    const orders = { fileIds: [fileId], storeId: bench.primaryId, operation: 'repair' } as const;
    const young = await bench.put('repaired');
    bench.catalog.obligations.oweAnew({ ...orders, fileIds: [young], nowMs: clock.nowMs });
    await bench.running.files.delete(young);
    await bench.carryOut();
    await bench.forgetLog();
    await bench.expire();
    await expectKept(young);
    const order = { fileId: young, storeId: bench.primaryId, generation: 1, want: 'present' } as const;
    bench.catalog.obligations.close([order], clock.nowMs);
    await bench.expire();
    await expectExpired(young);
  });

  it('while a replica is away, although it has confirmed the delete', async () => {
    second.isAway = true;
    await bench.expire();
    await expectKept(fileId);
    second.isAway = false;
    await expectToGoOnceAgain();
  });

  it.each(['primary', 'first', 'second'])('while %s has a manifest of the file', async (name) => {
    const { directory } = bench.places.find((place) => place.directory.identity.name === name)!;
    await directory.put(manifest(fileId), Buffer.from('left by a copy that was killed'));
    await bench.expire();
    await expectKept(fileId);
    await directory.delete(manifest(fileId));
    await expectToGoOnceAgain();
  });

  it.each(['primary', 'first', 'second'])('where %s turns out to be another store behind the look', async (name) => {
    const place = bench.places.find(({ directory }) => directory.identity.name === name)!;
    place.confirm = () => Promise.reject(new Error('another disk'));
    await bench.expire();
    await expectKept(fileId);
    place.confirm = async () => undefined;
    await expectToGoOnceAgain();
  });

  it('where the delete is ordered anew while the stores are asked', async () => {
    const { obligations } = bench.catalog;
    let orders = 0;
    second.store = actingBefore(second.directory, 'has', () => {
      orders += 1;
      obligations.oweDelete({ fileId, storeId: first.storeId, nowMs: bench.machine.clock.nowMs });
    });
    await bench.expire();
    expect(orders).toBeGreaterThan(0);
    await expectKept(fileId);
    second.store = second.directory;
    await bench.carryOut();
    await expectToGoOnceAgain();
  });

  it('of a file that the catalog has', async () => {
    const live = await bench.put('live');
    const { primary } = bench.running.parts;
    await bench.forgetLog();
    await primary.put(tombstone(live), fileOf('live', { fileId: live }).tombstone.bytes);
    await primary.delete(manifest(live));
    for (const { directory } of [first, second]) await directory.delete(manifest(live));
    const { obligations } = bench.catalog;
    for (const storeId of bench.replicaIds) obligations.forgetStore({ storeId, limit: 1000 });
    await bench.expire();
    expect(await bench.having(tombstone(live))).toEqual(['primary']);
  });

  it('that is damaged, or says another id: nobody knows how old it is', async () => {
    const { primary } = bench.running.parts;
    const other = await bench.deleted('other');
    const bytes = (await primary.get(tombstone(fileId)))!;
    const damaged = Buffer.from(bytes);
    damaged[damaged.length >> 1]! ^= 1;
    await primary.put(tombstone(fileId), damaged);
    await primary.put(tombstone(other), bytes);
    await bench.expire();
    await expectKept(fileId);
    await expectKept(other);
    await primary.put(tombstone(fileId), bytes);
    await expectToGoOnceAgain();
  });
});

describe('the log', () => {
  it('keeps the tombstone as long as it has a record of the file', async () => {
    const fileId = await bench.put('deleted');
    await bench.running.files.delete(fileId);
    await bench.carryOut();
    await bench.running.parts.checkpointer.run();
    await bench.expire();
    await expectKept(fileId);
    await bench.forgetLog();
    await bench.expire();
    await expectExpired(fileId);
  });
});

describe('the clock', () => {
  it('put back delays, and no more', async () => {
    const fileId = await bench.deleted();
    bench.pass(HOLD_MS);
    bench.pass(ROUND_MS);
    await bench.round();
    bench.machine.clock.nowMs -= HOLD_MS / 2;
    bench.runningMs += ROUND_MS;
    await bench.round();
    await expectKept(fileId);
    await bench.expire();
    await expectExpired(fileId);
  });

  it('is not believed when it leaps: a copy may have been under way in a machine that was suspended', async () => {
    const fileId = await bench.deleted();
    bench.pass(ROUND_MS);
    await bench.round();
    bench.machine.clock.nowMs += 2 * HOLD_MS;
    bench.runningMs += ROUND_MS;
    await bench.round();
    await expectKept(fileId);
    bench.runningMs += 60_000;
    await bench.round();
    await expectKept(fileId);
    bench.runningMs += ROUND_MS;
    await bench.round();
    await expectExpired(fileId);
  });

  it('is not believed by a process that has just started', async () => {
    const fileId = await bench.deleted();
    bench.pass(2 * HOLD_MS);
    const expiry = bench.newExpiry();
    expect(await expiry.step()).toBe('idle');
    await expectKept(fileId);
    bench.pass(60 * 60_000);
    while ((await expiry.step()) === 'busy');
    await expectExpired(fileId);
  });
});

describe('replicas', () => {
  it('need not be there: the tombstone goes when the delete is old enough', async () => {
    bench = await TombstoneBench.open(await installedMachine(), { replicas: [] });
    const fileId = await bench.deleted();
    bench.pass(HOLD_MS / 2);
    bench.pass(ROUND_MS);
    await bench.round();
    expect(await bench.having(tombstone(fileId))).toEqual(['primary']);
    await bench.expire();
    await expectExpired(fileId);
  });

  it('that were never told of the delete lose the tombstone that an adoption has put there', async () => {
    const fileId = await bench.deleted();
    const { obligations } = bench.catalog;
    // As of a store that was taken under a new id.
    obligations.forgetStore({ storeId: second.storeId, limit: 1000 });
    await bench.expire();
    expect(await bench.having(tombstone(fileId))).toEqual([]);
    expect(rowsOf(fileId)).toEqual([]);
  });
});

describe('an expiry under way', () => {
  it('is not taken for a loss by who compares the stores, and nothing is ordered', async () => {
    const fileId = await bench.deleted();
    const { obligations } = bench.catalog;
    const nowMs = 1;
    const told: string[][] = [];
    second.store = actingBefore(second.directory, 'deleteAll', async () => {
      expect(await bench.having(tombstone(fileId))).toEqual(['primary', 'second']);
      told.push(await bench.findings([bench.primaryId, first.storeId]));
      obligations.oweDelete({ fileId, storeId: first.storeId, nowMs });
      obligations.oweAnew({ fileIds: [fileId], storeId: first.storeId, operation: 'delete', nowMs });
      obligations.oweDelete({ fileId, storeId: bench.primaryId, nowMs });
      expect(rowsOf(fileId)).toMatchObject([{ state: 'expiring' }, { state: 'expiring' }]);
    });
    await bench.expire();
    expect(told).toEqual([[]]);
    await expectExpired(fileId);
  });

  it('is no loss to report where it expires behind the page that anti-entropy looks at', async () => {
    const fileId = await bench.deleted();
    const primary = bench.places[0]!;
    const { directory } = primary;
    bench.pass(HOLD_MS + ROUND_MS);
    await bench.round();
    bench.pass(ROUND_MS);
    const meanwhile = once(async () => {
      primary.store = directory;
      await bench.round();
    });
    primary.store = listingNoTombstones(actingBefore(directory, 'has', meanwhile));
    expect(await bench.findings([bench.primaryId])).toEqual([]);
    await expectExpired(fileId);
  });

  it.each(['lost its tombstone', 'was never told of the delete'])(
    'orders nothing where it expires behind the look at a replica that %s',
    async (what) => {
      const fileId = await bench.deleted();
      const { obligations } = bench.catalog;
      if (what === 'lost its tombstone') await second.directory.delete(tombstone(fileId));
      else obligations.forgetStore({ storeId: second.storeId, limit: 1000 });
      bench.pass(HOLD_MS + ROUND_MS);
      await bench.round();
      bench.pass(ROUND_MS);
      let questions = 0;
      second.confirm = async () => {
        questions += 1;
        // Behind the listing it is asked for the first time, before anything is done for the second.
        if (questions === 2) await bench.round();
      };
      expect(await bench.findings([second.storeId])).toHaveLength(1);
      expect(rowsOf(fileId)).toEqual([]);
      expect(await bench.having(tombstone(fileId))).toEqual([]);
    },
  );

  it.each(['goes away', 'becomes another store'])('is undone where a replica %s before its turn', async (how) => {
    const fileId = await bench.deleted();
    const fail = (): never => {
      throw new Error('away');
    };
    if (how === 'goes away') second.store = actingBefore(second.directory, 'deleteAll', fail);
    else {
      second.store = actingBefore(second.directory, 'deleteAll', () => void (second.confirm = async () => fail()));
    }
    await bench.expire();
    expect(await bench.having(tombstone(fileId))).toContain('primary');
    // The row of the failed round, or that of the order that the next step gives.
    second.store = second.directory;
    second.confirm = async () => undefined;
    await bench.round();
    expect(rowsOf(fileId).map(({ state, generation }) => [state, generation])).toEqual([
      ['pending', 3],
      ['pending', 3],
    ]);
    await bench.carryOut();
    await expectKept(fileId);
    expect(await bench.findings()).toEqual([]);
    await bench.expire();
    await expectExpired(fileId);
  });
});

/** The first call acts, however many follow. */
function once(act: () => Promise<void>): () => Promise<void> {
  let first: Promise<void> | undefined;
  return () => (first ??= act());
}
