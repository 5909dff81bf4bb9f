import { silentLog } from '#libs/telemetry';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CollectionTimer } from './collection-timer.js';
import type { StepOutcome } from './garbage-collector.js';

const MINUTE_MS = 60_000;

/** Answers what it is told to; then `idle`. */
class ScriptedCollector {
  readonly holds = [];
  /** When each step began. */
  readonly steps: number[] = [];
  readonly script: (StepOutcome | Error | Promise<StepOutcome>)[] = [];

  async step(): Promise<StepOutcome> {
    this.steps.push(Date.now());
    const outcome = this.script.shift() ?? 'idle';
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }
}

let collector: ScriptedCollector;

beforeEach(() => {
  vi.useFakeTimers({ now: 0 });
  collector = new ScriptedCollector();
});
afterEach(() => void vi.useRealTimers());

function started(graceMs: number): CollectionTimer {
  const timer = new CollectionTimer({ collector, log: silentLog, graceMs });
  timer.start();
  return timer;
}

describe('the timer of the collection', () => {
  it('begins soon after the start, and then comes once a minute', async () => {
    const timer = started(10 * MINUTE_MS);
    await vi.advanceTimersByTimeAsync(MINUTE_MS + 10_000);
    expect(collector.steps).toEqual([5_000, 65_000]);
    await timer.stop();
  });

  it.each([
    ['no grace', 0, 1_000],
    ['a grace of 50 s', 50_000, 5_000],
    ['a grace of a year', 365 * 24 * 60 * MINUTE_MS, MINUTE_MS],
  ])('comes at most a tenth of the grace late, once a second to once a minute: %s', async (_what, graceMs, everyMs) => {
    const timer = started(graceMs);
    await vi.advanceTimersByTimeAsync(3 * MINUTE_MS);
    expect(collector.steps[2]! - collector.steps[1]!).toBe(everyMs);
    await timer.stop();
  });

  it('pauses between the steps of a pass, and does not wait for the next minute', async () => {
    collector.script.push('busy', 'busy', 'busy', 'idle');
    const timer = started(10 * MINUTE_MS);
    await vi.advanceTimersByTimeAsync(6_000);
    expect(collector.steps).toEqual([5_000, 5_050, 5_100, 5_150]);
    await timer.stop();
  });

  it.each(['held', new Error('EIO')] as const)('comes again where a step was %s', async (outcome) => {
    collector.script.push(outcome);
    const timer = started(10 * MINUTE_MS);
    await vi.advanceTimersByTimeAsync(2 * MINUTE_MS);
    expect(collector.steps).toEqual([5_000, 65_000]);
    await timer.stop();
  });

  it('stopped does not begin again, and waits for the step under way', async () => {
    const { promise, resolve } = Promise.withResolvers<StepOutcome>();
    collector.script.push(promise);
    const timer = started(10 * MINUTE_MS);
    await vi.advanceTimersByTimeAsync(5_000);
    let isStopped = false;
    const stopping = timer.stop().then(() => (isStopped = true));
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(isStopped).toBe(false);
    resolve('busy');
    await stopping;
    await vi.advanceTimersByTimeAsync(10 * MINUTE_MS);
    expect(collector.steps).toEqual([5_000]);
  });

  it('stopped before its first pass never begins', async () => {
    const timer = started(0);
    await timer.stop();
    await vi.advanceTimersByTimeAsync(MINUTE_MS);
    expect(collector.steps).toEqual([]);
  });
});
