import { describe, expect, it } from 'vitest';
import { median, ratiosOf, spreadOf } from './statistics.js';

describe('median', () => {
  it.each([
    ['one value', [7], 7],
    ['an odd count, unsorted', [9, 1, 5], 5],
    ['an even count: the mean of the two in the middle', [4, 1, 3, 100], 3.5],
    ['numbers are not sorted as text', [10, 9, 100], 10],
    ['one outlier does not move it', [100, 101, 99, 100, 1], 100],
  ])('%s', (_, values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it('of nothing is refused, not NaN', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves the samples in the order of the rounds', () => {
    const samples = [3, 1, 2];
    median(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

it('a spread has the smallest and the largest figure', () => {
  expect(spreadOf([5, 2, 9])).toEqual({ median: 5, min: 2, max: 9 });
});

describe('ratios', () => {
  it('are taken round by round: a noisy round that hurts both halves leaves them as they are', () => {
    expect(ratiosOf({ subject: [100, 10, 100], reference: [50, 5, 50] })).toEqual([2, 2, 2]);
  });

  it('are refused where a round lacks its other half', () => {
    expect(() => ratiosOf({ subject: [1, 2], reference: [1] })).toThrow(RangeError);
  });
});
