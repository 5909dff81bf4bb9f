import { describe, expect, it } from 'vitest';
import { ratioAtLeast, ratioAtMost, valueAtLeast, valueAtMost } from './cell.js';
import type { Bar } from './cell.js';
import { exitCodeOf, judge } from './verdict.js';
import type { CellResult, Verdict } from './verdict.js';

const absolute = (bar?: Bar) => ({ name: 'cell', unit: '/s', bar });
const compared = (bar: Bar) => ({ ...absolute(bar), reference: { name: 'other', measure: () => Promise.resolve(0) } });

describe('the verdict', () => {
  it.each<[string, Bar, number[], Verdict]>([
    ['at least: the bar itself is enough', valueAtLeast(8), [7, 8, 9], 'ok'],
    ['at least: under it', valueAtLeast(8), [7, 7.99, 100], 'BELOW'],
    ['at most: the bar itself is enough', valueAtMost(2), [1, 2, 3], 'ok'],
    ['at most: over it', valueAtMost(2), [0.1, 2.01, 3], 'BELOW'],
    ['a figure that is no number', valueAtMost(2), [Number.NaN], 'BELOW'],
  ])('on a value, %s', (_, bar, subject, expected) => {
    expect(judge(absolute(bar), { subject }).verdict).toBe(expected);
  });

  it('on a ratio is of the median of the ratios, not of the ratio of the medians', () => {
    // The medians are 10 and 10; in two rounds of three the subject had half of what the reference had.
    const result = judge(compared(ratioAtLeast(1)), { subject: [10, 20, 5], reference: [20, 10, 10] });
    expect(result.ratio).toEqual({ median: 0.5, min: 0.5, max: 2 });
    expect(result.verdict).toBe('BELOW');
  });

  it('on a ratio at most is kept up to the bar itself', () => {
    const bar = ratioAtMost(3);
    expect(judge(compared(bar), { subject: [30], reference: [10] }).verdict).toBe('ok');
    expect(judge(compared(bar), { subject: [31], reference: [10] }).verdict).toBe('BELOW');
  });

  it('on a value does not look at the reference', () => {
    const result = judge(compared(valueAtLeast(5)), { subject: [10], reference: [1000] });
    expect(result.ratio?.median).toBe(0.01);
    expect(result.verdict).toBe('ok');
  });

  it('without a bar is ok, whatever the figure', () => {
    expect(judge(absolute(), { subject: [0] }).verdict).toBe('ok');
  });

  it('on a ratio without a reference is refused', () => {
    expect(() => judge(absolute(ratioAtLeast(1)), { subject: [1] })).toThrow('needs a reference');
  });
});

describe('the exit code', () => {
  const ok: CellResult = judge(absolute(valueAtLeast(1)), { subject: [1] });
  const below: CellResult = judge(absolute(valueAtLeast(2)), { subject: [1] });
  const skipped: CellResult = { ...absolute(valueAtLeast(1)), verdict: 'SKIPPED', reason: 'no strace' };
  const failed: CellResult = { ...absolute(valueAtLeast(1)), verdict: 'FAILED', reason: 'it broke' };

  it.each<[string, CellResult[], 0 | 1]>([
    ['every bar reached', [ok, ok], 0],
    ['one skipped', [ok, skipped], 0],
    ['one below its bar', [ok, below, ok], 1],
    ['one without a figure to trust', [ok, failed], 1],
  ])('%s', (_, results, expected) => {
    expect(exitCodeOf(results)).toBe(expected);
  });
});
