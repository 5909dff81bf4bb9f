import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffDelayMs } from './backoff.js';

const OPTIONS = { baseMs: 100, maxMs: 5000 };
const LARGEST_RANDOM = 1 - Number.EPSILON / 2;

describe('backoffDelayMs', () => {
  it.each([
    [0, 100, 100],
    [1, 100, 200],
    [2, 100, 400],
    [5, 100, 3200],
    [6, 100, 5000],
    [1000, 100, 5000],
  ])('retry %i waits from %i to %i ms', (attempt, least, most) => {
    expect(backoffDelayMs(attempt, OPTIONS, 0)).toBe(least);
    expect(backoffDelayMs(attempt, OPTIONS, 0.5)).toBe((least + most) / 2);
    expect(backoffDelayMs(attempt, OPTIONS, LARGEST_RANDOM)).toBeCloseTo(most, 5);
  });

  it('stays between base and maximum for any attempt, also where these are equal', () => {
    const anyOptions = fc
      .tuple(fc.integer({ min: 1, max: 10_000 }), fc.nat({ max: 1_000_000 }))
      .map(([baseMs, above]) => ({ baseMs, maxMs: baseMs + above }));
    const anyRandom = fc.double({ min: 0, max: LARGEST_RANDOM, noNaN: true });
    fc.assert(
      fc.property(fc.nat(), anyOptions, anyRandom, (attempt, options, random) => {
        const delayMs = backoffDelayMs(attempt, options, random);
        expect(delayMs).toBeGreaterThanOrEqual(options.baseMs);
        expect(delayMs).toBeLessThanOrEqual(options.maxMs);
      }),
    );
  });
});
