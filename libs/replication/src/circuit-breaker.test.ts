import { describe, expect, it } from 'vitest';
import { allowance, CLOSED, handedOut, hopeful, jobLost, storeFailed, timePassed } from './circuit-breaker.js';
import type { Breaker } from './circuit-breaker.js';

const at = (nowMs: number, random = 0): { nowMs: number; random: number } => ({ nowMs, random });
const open = storeFailed(CLOSED, at(1000));
const halfOpen = timePassed(open, 2000);
const trying = handedOut(halfOpen);

describe('the circuit breaker of a store', () => {
  const STATES: [Breaker, string][] = [
    [CLOSED, 'all'],
    [open, 'nothing'],
    [halfOpen, 'one_item'],
    [trying, 'nothing'],
  ];
  it.each(STATES)('in state %j allows %s', (breaker, allowed) => {
    expect(allowance(breaker)).toBe(allowed);
  });

  it('opens at a failure and lets nothing through until its time has come', () => {
    expect(open).toEqual({ kind: 'open', failures: 0, sinceMs: 1000, untilMs: 2000 });
    expect(timePassed(open, 1999)).toEqual(open);
    expect(halfOpen.kind).toBe('half_open');
  });

  it('doubles its delay at each failure of a trial, up to a minute, and remembers since when', () => {
    let breaker: Breaker = CLOSED;
    const delays: number[] = [];
    for (let nowMs = 0; delays.length < 9;) {
      breaker = storeFailed(breaker, at(nowMs, 0.999_999));
      if (breaker.kind !== 'open') throw new Error('not open');
      delays.push(Math.round(breaker.untilMs - nowMs));
      expect(breaker.sinceMs).toBe(0);
      nowMs = breaker.untilMs;
      breaker = handedOut(timePassed(breaker, nowMs));
    }
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  });

  it('has jitter, so that stores that failed together are not tried together', () => {
    const twice = (random: number): Breaker => storeFailed(trying, at(2000, random));
    expect(twice(0)).not.toEqual(twice(0.5));
  });

  it('takes the failure of an older job for the same one', () => {
    expect(storeFailed(open, at(1500))).toEqual(open);
  });

  it('tries again where the job of its trial was lost, and not where none was', () => {
    expect(jobLost(trying)).toEqual(halfOpen);
    expect(jobLost(open)).toEqual(open);
    expect(jobLost(CLOSED)).toEqual(CLOSED);
  });

  it('of a clock that was put back waits for no longer than its longest delay', () => {
    expect(timePassed({ kind: 'open', failures: 3, sinceMs: 0, untilMs: 1_000_000 }, 1000).kind).toBe('half_open');
  });

  it('is tried at once where there is hope, one item only', () => {
    expect(allowance(hopeful(open))).toBe('one_item');
    expect(hopeful(CLOSED)).toEqual(CLOSED);
    expect(hopeful(trying)).toEqual(trying);
  });
});
