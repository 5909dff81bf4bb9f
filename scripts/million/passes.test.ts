import { describe, expect, it } from 'vitest';
import { shareOf } from './passes.js';

/** Three stores, each compared and then counted: 100 a stage. */
const total = 600;

describe('how much of a look is behind it, where the stores hold manifests alone', () => {
  it.each([
    ['none of it', 'anti-entropy', 0, 0],
    ['half of the first manifests', 'anti-entropy', 100 / 6, 1 / 6],
    ['all of the first manifests, and the empty kinds behind them', 'anti-entropy', 60, 1 / 3],
    ['one store', 'anti-entropy', 100, 1 / 3],
    ['all of it', 'anti-entropy', 300, 1],
    ['none of it, while the stores are compared', 'census', 150, 0],
    ['half of the second manifests', 'census', 400 + 100 / 6, 1 / 2],
    ['all of it', 'census', 600, 1],
  ] as const)('%s', (_, pass, done, expected) => {
    expect(shareOf(pass, { done, total }, 3)).toBeCloseTo(expected);
  });
});
