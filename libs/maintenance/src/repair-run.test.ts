/** What a repair concludes. What it does is in test/repair/. */
import { openApplyBench } from '#libs/apply/testing';
import type { ApplyBench } from '#libs/apply/testing';
import { newFileId, newUuid } from '#libs/kernel';
import type { FileId, StoreId } from '#libs/kernel';
import type { Store } from '#libs/stores';
import { silentLog } from '#libs/telemetry';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CarriedOut } from './carrying-out.js';
import type { Finding } from './pass.js';
import { RepairRun } from './repair-run.js';
import type { RepairParts } from './repair-run.js';
import type { RepairOptions, RepairReport } from './repair-report.js';

const [PRIMARY, REPLICA] = [newUuid<StoreId>(), newUuid<StoreId>()];
const BEGUN = 1_000;
const FULL = { code: 'store_full', message: 'The disk is full.' };

let bench: ApplyBench;
let nowMs: number;
beforeEach(async () => {
  bench = await openApplyBench();
  nowMs = BEGUN;
});
afterEach(() => bench[Symbol.asyncDispose]());

function owe(atMs: number, fileId: FileId = newFileId(1)): FileId {
  bench.catalog.obligations.oweDelete({ fileId, storeId: REPLICA, nowMs: atMs });
  return fileId;
}

interface Scene {
  /** What the passes of the replica owe, in the first round. */
  readonly finds?: () => readonly FileId[];
  readonly failure?: CarriedOut['standstill'];
  readonly standstill?: CarriedOut['standstill'];
  readonly carriesOut?: () => void;
  readonly mode?: RepairOptions['mode'];
}

/** Of two stores that list nothing, and so are equal by their listings. */
async function repaired(scene: Scene): Promise<RepairReport> {
  const { finds = () => [], failure, standstill, carriesOut = () => undefined, mode = 'repair' } = scene;
  let rounds = 0;
  const pass = (storeId: StoreId) => {
    if (storeId === REPLICA) rounds += 1;
    const ids = storeId === REPLICA && rounds === 1 ? finds() : [];
    const findings = ids.map((id): Finding => ({
      storeId,
      key: { kind: 'tombstone', id },
      kind: 'missing',
      action: 'owed',
      reason: '',
    }));
    return {
      storeId,
      progress: { objects: 0, bytes: 0, found: { missing: ids.length }, owed: ids.length, findings },
      step: async () => 'done' as const,
      end: async () => undefined,
    };
  };
  const store = { identity: { name: 'a store' }, list: async () => ({ ids: [], sizes: [], next: undefined }) };
  const parts: RepairParts = {
    catalog: bench.catalog,
    stores: { open: async () => store as unknown as Store, confirm: async () => undefined },
    primaryId: PRIMARY,
    antiEntropy: pass,
    deepPass: pass,
    carryOut: ([storeId]) => {
      nowMs += 10;
      const isOfReplica = storeId === REPLICA;
      if (isOfReplica) carriesOut();
      return {
        total: 0,
        progress: () => ({ done: 0 }),
        finished: Promise.resolve(),
        failureOf: () => (isOfReplica ? (standstill ?? failure) : undefined),
        standstill: isOfReplica ? standstill : undefined,
      };
    },
    clock: { now: () => nowMs },
    settle: async () => undefined,
    log: silentLog,
  };
  const run = new RepairRun(parts, { storeIds: [PRIMARY, REPLICA], depth: 'names', mode });
  await run.finished;
  if (run.report === undefined) throw run.error;
  return run.report;
}

describe('a repair whose store takes nothing', () => {
  it('is not whole, has mended nothing, and says why', async () => {
    const lost = [owe(nowMs), owe(nowMs)];
    const report = await repaired({ failure: FULL, finds: () => lost });
    expect(report).toMatchObject({ equal: true, whole: false, done: 0, leftOver: 2 });
    expect(report.failures).toEqual([{ storeId: REPLICA, error: 'store_full: The disk is full.' }]);
    expect(report.leftOvers.map(({ fileId, error }) => [fileId, error])).toEqual(
      expect.arrayContaining(lost.map((fileId) => [fileId, 'it was not tried'])),
    );
  });

  it('counts all that is left, and names a thousand of it', async () => {
    for (let made = 0; made < 1_500; made += 1) owe(BEGUN);
    const report = await repaired({ failure: FULL });
    expect([report.leftOver, report.leftOvers.length]).toEqual([1_500, 1_000]);
  });

  it('has mended what is done, and no more', async () => {
    const done = owe(nowMs);
    const report = await repaired({
      failure: FULL,
      finds: () => [done, owe(nowMs)],
      carriesOut: () => {
        bench.catalog.obligations.close([{ fileId: done, storeId: REPLICA, generation: 1, want: 'absent' }], nowMs);
      },
    });
    expect(report).toMatchObject({ whole: false, done: 1, leftOver: 1 });
  });

  it('ends where nothing is carried out at all, in its first round', async () => {
    owe(BEGUN);
    let carried = 0;
    const standstill = { code: 'queue_unavailable', message: 'Redis is away.' };
    const report = await repaired({ standstill, finds: () => [owe(nowMs)], carriesOut: () => (carried += 1) });
    expect(report).toMatchObject({ rounds: 1, whole: false, done: 0, leftOver: 2 });
    expect([carried, report.failures]).toEqual([1, [{ storeId: REPLICA, error: 'queue_unavailable: Redis is away.' }]]);
  });
});

describe('a repair beside uploads', () => {
  it('is whole although some of what was ordered behind the last carrying out is under way', async () => {
    const report = await repaired({
      carriesOut: () => {
        nowMs += 1;
        owe(nowMs);
      },
    });
    expect(report.rounds).toBe(1);
    expect(report).toMatchObject({ equal: true, whole: true, leftOver: 0 });
  });
});

describe('a dry run', () => {
  it('is not whole while something is owed since before it began', async () => {
    owe(BEGUN - 1);
    expect(await repaired({ mode: 'look' })).toMatchObject({ equal: true, whole: false, leftOver: 1 });
  });

  it('is whole although something was ordered since', async () => {
    const uploads = (): readonly FileId[] => {
      nowMs += 5;
      owe(nowMs);
      return [];
    };
    const report = await repaired({ mode: 'look', finds: uploads });
    expect(report).toMatchObject({ whole: true, leftOver: 0 });
  });
});
