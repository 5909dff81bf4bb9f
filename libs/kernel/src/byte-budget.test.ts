import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ByteBudget } from './byte-budget.js';
import type { ByteShare } from './byte-budget.js';
import { StoreError } from './store-error.js';

const WAIT_MS = 1000;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

/** Asks for a share and tells, at any later moment, how that went. */
function ask(budget: ByteBudget, bytes: number, waitMs = WAIT_MS): { state: string; share?: ByteShare } {
  const request: { state: string; share?: ByteShare } = { state: 'waiting' };
  budget.take(bytes, waitMs).then(
    (share) => Object.assign(request, { state: 'granted', share }),
    (error: unknown) => (request.state = StoreError.is(error) ? error.code : String(error)),
  );
  return request;
}

const turn = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);

describe('a byte budget', () => {
  it('gives at once what is free, and counts it', async () => {
    const budget = new ByteBudget(10);
    const first = await budget.take(4, WAIT_MS);
    const second = budget.tryTake(6);
    expect(budget.usedBytes).toBe(10);
    expect(budget.tryTake(1)).toBeUndefined();
    first.release();
    expect(budget.usedBytes).toBe(6);
    second!.release();
    expect(budget.usedBytes).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('takes a share back once, however often it is released', async () => {
    const budget = new ByteBudget(10);
    const first = await budget.take(4, WAIT_MS);
    const second = await budget.take(6, WAIT_MS);
    first.release();
    first.release();
    expect(budget.usedBytes).toBe(6);
    second.release();
    first.release();
    expect(budget.usedBytes).toBe(0);
  });

  it('serves those who wait in turn: a small request does not pass a large one', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(8, WAIT_MS);
    const large = ask(budget, 9);
    const small = ask(budget, 1);
    await turn();
    expect([large.state, small.state]).toEqual(['waiting', 'waiting']);
    held.release();
    await turn();
    expect([large.state, small.state]).toEqual(['granted', 'granted']);
    expect(budget.usedBytes).toBe(10);
  });

  it('lets no tryTake overtake one who waits, although there is room', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(8, WAIT_MS);
    const waiting = ask(budget, 9);
    expect(budget.tryTake(1)).toBeUndefined();
    held.release();
    await turn();
    expect(waiting.state).toBe('granted');
    expect(budget.tryTake(1)).toBeDefined();
  });

  it('grants several with one release', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(10, WAIT_MS);
    const requests = [ask(budget, 3), ask(budget, 3), ask(budget, 4), ask(budget, 1)];
    held.release();
    await turn();
    expect(requests.map(({ state }) => state)).toEqual(['granted', 'granted', 'granted', 'waiting']);
  });

  it('refuses a share larger than itself as our mistake', async () => {
    await expect(new ByteBudget(10).take(11, WAIT_MS)).rejects.toThrow(RangeError);
  });
});

describe('a byte budget that stays full', () => {
  it('ends the wait as overloaded, at its time and not before', async () => {
    const budget = new ByteBudget(10);
    await budget.take(10, WAIT_MS);
    const waiting = ask(budget, 1);
    await vi.advanceTimersByTimeAsync(WAIT_MS - 1);
    expect(waiting.state).toBe('waiting');
    await vi.advanceTimersByTimeAsync(1);
    expect(waiting.state).toBe('overloaded');
  });

  it('says that trying again can help, and when', async () => {
    const budget = new ByteBudget(10);
    await budget.take(10, WAIT_MS);
    const refused = budget.take(1, WAIT_MS).catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(WAIT_MS);
    const context = { retry_after_seconds: 1 };
    expect(await refused).toMatchObject({ code: 'overloaded', retryable: true, context });
  });

  it('serves those behind one who gave up', async () => {
    const budget = new ByteBudget(10);
    await budget.take(8, WAIT_MS);
    const large = ask(budget, 9);
    const small = ask(budget, 2, 2 * WAIT_MS);
    await vi.advanceTimersByTimeAsync(WAIT_MS);
    expect([large.state, small.state]).toEqual(['overloaded', 'granted']);
    expect(budget.usedBytes).toBe(10);
  });

  it('gives nothing to one who gave up', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(10, WAIT_MS);
    const waiting = ask(budget, 10);
    await vi.advanceTimersByTimeAsync(WAIT_MS);
    held.release();
    await turn();
    expect(waiting.state).toBe('overloaded');
    expect(budget.usedBytes).toBe(0);
    expect(budget.tryTake(10)).toBeDefined();
  });

  it('leaves no timer behind for one who was served', async () => {
    const budget = new ByteBudget(10);
    const held = await budget.take(10, WAIT_MS);
    const waiting = ask(budget, 10);
    held.release();
    await turn();
    expect(vi.getTimerCount()).toBe(0);
    await vi.advanceTimersByTimeAsync(2 * WAIT_MS);
    expect(waiting.state).toBe('granted');
  });
});

type Step = { readonly do: 'take' | 'tryTake' | 'release' | 'wait'; readonly number: number };

const TOTAL_BYTES = 100;
const anyStep: fc.Arbitrary<Step> = fc.record({
  do: fc.constantFrom('take', 'tryTake', 'release', 'wait'),
  number: fc.integer({ min: 1, max: TOTAL_BYTES }),
});

describe('a byte budget under any sequence of steps', () => {
  it('never lends more than it has, and has everything again in the end', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyStep, { maxLength: 60 }), async (steps) => {
        const budget = new ByteBudget(TOTAL_BYTES);
        const requests: ReturnType<typeof ask>[] = [];
        const held: ByteShare[] = [];
        const collect = (): void => {
          for (const request of requests.splice(0)) {
            if (request.share !== undefined) held.push(request.share);
            else if (request.state === 'waiting') requests.push(request);
          }
        };
        for (const { do: action, number } of steps) {
          if (action === 'take') requests.push(ask(budget, number, WAIT_MS));
          else if (action === 'tryTake') held.push(...[budget.tryTake(number)].filter((share) => share !== undefined));
          else if (action === 'release') held.splice(number % Math.max(held.length, 1), 1)[0]?.release();
          await vi.advanceTimersByTimeAsync(action === 'wait' ? number * 20 : 0);
          collect();
          expect(budget.usedBytes).toBeGreaterThanOrEqual(0);
          expect(budget.usedBytes).toBeLessThanOrEqual(TOTAL_BYTES);
        }
        for (; held.length + requests.length > 0; collect()) {
          for (const share of held.splice(0)) share.release();
          await vi.advanceTimersByTimeAsync(0);
        }
        expect(budget.usedBytes).toBe(0);
        expect(vi.getTimerCount()).toBe(0);
      }),
    );
  });
});
