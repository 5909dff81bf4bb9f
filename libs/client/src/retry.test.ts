import { describe, expect, it } from 'vitest';
import { ClientError } from './client-error.js';
import { DEFAULT_RETRY, RetryBudget, retryDelayMs, withRetries } from './retry.js';
import type { Failures, RetryPolicy } from './retry.js';

const POLICY: RetryPolicy = { maxAttempts: 4, maxFirstContacts: 2, maxTotalMs: 10_000, baseMs: 100, maxDelayMs: 1000 };

const answer = (status: number, retryAfterMs?: number): ClientError =>
  new ClientError({ code: 'any', detail: 'any', status, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
const lost = new ClientError({ code: 'connection_lost', detail: 'any' });
const unreachable = new ClientError({ code: 'unreachable', detail: 'any' });

const delayMs = (failures: Partial<Failures>, random = 0): number | undefined =>
  retryDelayMs({ count: 1, sinceFirstMs: 0, hadContact: true, last: lost, ...failures }, POLICY, random);

describe('retryDelayMs', () => {
  it.each([
    ['a connection that was lost', lost, true],
    ['no connection', unreachable, true],
    ['429', answer(429), true],
    ['502 of a proxy', answer(502), true],
    ['503', answer(503), true],
    ['504 of a proxy', answer(504), true],
    ['409 that says when to come back', answer(409, 1000), true],
    ['409', answer(409), false],
    ['400', answer(400), false],
    ['401', answer(401), false],
    ['404', answer(404), false],
    ['412', answer(412), false],
    ['413', answer(413), false],
    ['500', answer(500), false],
    ['501', answer(501), false],
    ['507', answer(507), false],
    ['wrong bytes', new ClientError({ code: 'digest_mismatch', detail: 'any' }), false],
    ['an answer of another server', new ClientError({ code: 'invalid_answer', detail: 'any' }), false],
  ])('after %s', (_what, last, again) => {
    expect(delayMs({ last }) !== undefined).toBe(again);
  });

  it('waits longer each time, up to a limit, and differently for each client', () => {
    expect([1, 2, 3].map((count) => delayMs({ count }, 0.999))).toEqual([
      100,
      expect.closeTo(200, -1),
      expect.closeTo(400, -1),
    ]);
    expect(delayMs({ count: 3 }, 0)).toBe(100);
  });

  it('waits at least as long as the server asks for, and not much longer', () => {
    expect(delayMs({ last: answer(503, 5000) }, 0)).toBe(5000);
    expect(delayMs({ last: answer(503, 5000) }, 0.5)).toBe(5050);
    expect(delayMs({ last: answer(503, 0) }, 0.5)).toBe(100);
  });

  it('gives up at once where the server asks for more time than there is', () => {
    expect(delayMs({ last: answer(503, 10_001) })).toBeUndefined();
  });

  it('gives up after its attempts, and after its time', () => {
    expect([delayMs({ count: 3 }), delayMs({ count: 4 })]).toEqual([100, undefined]);
    expect([delayMs({ sinceFirstMs: 9900 }), delayMs({ sinceFirstMs: 9901 })]).toEqual([100, undefined]);
  });

  it('gives up early on an address that has never answered, and not on one that has', () => {
    expect(delayMs({ last: unreachable, hadContact: false, count: 2 })).toBeUndefined();
    expect(delayMs({ last: unreachable, hadContact: true, count: 2 })).toBeDefined();
    expect(delayMs({ last: lost, hadContact: false, count: 2 })).toBeDefined();
  });
});

describe('RetryBudget', () => {
  const timing = { now: () => 0, random: () => 0, sleep: () => Promise.resolve() };
  const budget = (): RetryBudget => new RetryBudget(POLICY, timing, { hadContact: true });

  it('runs no more attempts than the policy has', async () => {
    let attempts = 0;
    const failing = withRetries(budget(), undefined, () => {
      attempts += 1;
      return Promise.reject(lost);
    });
    await expect(failing).rejects.toBe(lost);
    expect(attempts).toBe(POLICY.maxAttempts);
  });

  it('starts anew after progress, so that a long transfer may be cut often', async () => {
    const one = budget();
    for (let cut = 0; cut < 3 * POLICY.maxAttempts; cut += 1) {
      await one.wait(lost, undefined);
      one.progressed();
    }
    for (let cut = 1; cut < POLICY.maxAttempts; cut += 1) await one.wait(lost, undefined);
    await expect(one.wait(lost, undefined)).rejects.toBe(lost);
  });

  it('never hides a failure that is not the network’s', async () => {
    const mistake = new TypeError('ours');
    await expect(budget().wait(mistake, undefined)).rejects.toBe(mistake);
  });
});

it('the defaults end within a minute or so', () => {
  expect(DEFAULT_RETRY.maxTotalMs).toBeLessThanOrEqual(60_000);
  expect(DEFAULT_RETRY.maxAttempts).toBeLessThan(Number.POSITIVE_INFINITY);
});
