import type { StoreId } from '#libs/kernel';
import { silentLog } from '#libs/telemetry';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { AntiEntropyTimer } from './anti-entropy-timer.js';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const STORES = ['one', 'two'] as StoreId[];

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

/** Each pass takes three steps; `does` may throw in one. */
function startedTimer({
  isHeld = () => false,
  awaited = () => [],
  does = () => undefined,
}: { isHeld?: () => boolean; awaited?: () => StoreId[]; does?: (storeId: StoreId) => void } = {}) {
  const events: string[] = [];
  const timer = new AntiEntropyTimer({
    storeIds: STORES,
    passOf: (storeId) => {
      let steps = 0;
      events.push(`${storeId} begins at ${Date.now()}`);
      return {
        storeId,
        progress: { objects: 0, bytes: 0, found: {}, owed: 0, findings: [] },
        step: async () => {
          does(storeId);
          steps += 1;
          return steps === 3 ? 'done' : 'busy';
        },
        end: async () => void events.push(`${storeId} ends behind ${steps}`),
      };
    },
    isHeld,
    awaited,
    log: silentLog,
  });
  timer.start();
  return { timer, events };
}

it('compares the stores one after another, some time behind the start, and then once a day', async () => {
  const { timer, events } = startedTimer();
  await vi.advanceTimersByTimeAsync(10 * MINUTE_MS - 1);
  expect(events).toEqual([]);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(events).toEqual(['one begins at 600000', 'one ends behind 3', 'two begins at 600100', 'two ends behind 3']);
  await vi.advanceTimersByTimeAsync(DAY_MS);
  expect(events).toHaveLength(8);
  await timer.stop();
});

it('a store that fails does not keep the next one from being compared', async () => {
  const { timer, events } = startedTimer({
    does: (storeId) => {
      if (storeId === STORES[0]) throw new Error('away');
    },
  });
  await vi.advanceTimersByTimeAsync(11 * MINUTE_MS);
  expect(events).toEqual(['one begins at 600000', 'one ends behind 0', 'two begins at 600000', 'two ends behind 3']);
  await timer.stop();
});

it('looks soon where the collection waits for it, then at what it still waits for, and at all stores once a day', async () => {
  let waiting = STORES;
  const { timer, events } = startedTimer({ awaited: () => waiting, does: () => (waiting = [STORES[1]!]) });
  await vi.advanceTimersByTimeAsync(MINUTE_MS);
  expect(events).toEqual(['one begins at 10000', 'one ends behind 3', 'two begins at 10100', 'two ends behind 3']);
  await vi.advanceTimersByTimeAsync(DAY_MS - 10 * MINUTE_MS);
  // Every half an hour, and a little later each time by what a look takes.
  const between = events.splice(4);
  expect(between.filter((event) => event.startsWith('one'))).toEqual([]);
  expect(between.filter((event) => event.startsWith('two begins'))).toHaveLength(47);
  events.splice(0);
  await vi.advanceTimersByTimeAsync(15 * MINUTE_MS);
  expect(events.map((event) => event.slice(0, 10))).toEqual(['one begins', 'one ends b', 'two begins', 'two ends b']);
  await timer.stop();
});

it('looks once a day again when the collection waits no longer', async () => {
  let waiting = STORES;
  const { timer, events } = startedTimer({ awaited: () => waiting, does: () => (waiting = []) });
  await vi.advanceTimersByTimeAsync(DAY_MS - MINUTE_MS);
  expect(events).toHaveLength(4);
  await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
  expect(events).toHaveLength(8);
  await timer.stop();
});

it('judges nothing while it is held', async () => {
  const { timer, events } = startedTimer({ isHeld: () => true });
  await vi.advanceTimersByTimeAsync(11 * MINUTE_MS);
  expect(events).toEqual([]);
  await timer.stop();
});

it('held in the midst of a pass gives it up behind the step under way, and begins no other', async () => {
  let steps = 0;
  const { timer, events } = startedTimer({ isHeld: () => steps > 0, does: () => void (steps += 1) });
  await vi.advanceTimersByTimeAsync(11 * MINUTE_MS);
  expect(events).toEqual(['one begins at 600000', 'one ends behind 1']);
  await timer.stop();
});

it('stopped in a pass ends it behind the step under way, and begins no other', async () => {
  const { timer, events } = startedTimer();
  await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
  await timer.stop();
  await vi.advanceTimersByTimeAsync(2 * DAY_MS);
  expect(events).toEqual(['one begins at 600000', 'one ends behind 1']);
});
