import type { StoreId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { expect, it } from 'vitest';
import type { RepairParts } from './repair-run.js';
import { Repairs } from './repairs.js';

const STORE = '5704e000-0000-4000-8000-000000000001' as StoreId;
const SHALLOW = { storeIds: [STORE], depth: 'names', mode: 'repair' } as const;
const DEEP = { ...SHALLOW, depth: 'deep' } as const;

/** Runs that wait at their first step until they are let go, and then fail. */
function heldRepairs() {
  const begun: string[] = [];
  const held = Promise.withResolvers<void>();
  const parts = {
    settle: async () => {
      begun.push('run');
      await held.promise;
    },
    antiEntropy: () => {
      throw new Error('the store is away');
    },
    catalog: { obligations: {} },
    clock: { now: () => 0 },
    log: silentLog,
  } as unknown as RepairParts;
  return { repairs: new Repairs(parts), begun, letGo: held.resolve };
}

it('a second repair that asks for the same joins the first, one that asks for more waits for it', async () => {
  const { repairs, begun, letGo } = heldRepairs();
  const first = repairs.begin(SHALLOW);
  expect(repairs.begin({ ...SHALLOW })).toBe(first);
  const deep = repairs.begin(DEEP);
  expect(deep).not.toBe(first);
  expect(repairs.begin({ ...DEEP })).toBe(deep);
  await Promise.resolve();
  expect(begun).toEqual(['run']);
  letGo();
  await deep.finished;
  expect(begun).toEqual(['run', 'run']);
  expect([first.error, deep.error]).toEqual([expect.any(Error), expect.any(Error)]);
  expect(repairs.begin(SHALLOW)).not.toBe(first);
});

it('one that was stopped ends without a report, and begins nothing more', async () => {
  const { repairs, begun, letGo } = heldRepairs();
  const [first, deep] = [repairs.begin(SHALLOW), repairs.begin(DEEP)];
  await Promise.resolve();
  letGo();
  await repairs.stop();
  expect([first.report, deep.report, begun]).toEqual([undefined, undefined, ['run']]);
});
