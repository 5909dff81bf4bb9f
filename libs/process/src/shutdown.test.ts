import { silentLog } from '#libs/telemetry';
import { describe, expect, it } from 'vitest';
import { runStopPhases } from './shutdown.js';
import type { StopPhase } from './shutdown.js';

function recordingPhases(runs: Record<string, () => Promise<void> | void>) {
  const ran: string[] = [];
  const phases = Object.entries(runs).map(([name, run]): StopPhase => ({
    name,
    timeoutMs: 50,
    run: () => {
      ran.push(name);
      return run();
    },
  }));
  return { ran, phases };
}

const fine = () => {};
const never = () => new Promise<void>(() => {});

describe('runStopPhases', () => {
  it('runs each phase after the one before has ended', async () => {
    const order: string[] = [];
    const slow = (name: string) => async () => {
      order.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 5));
      order.push(`${name} ends`);
    };
    const { phases } = recordingPhases({ first: slow('first'), second: slow('second') });
    expect(await runStopPhases(phases, silentLog)).toBe('clean');
    expect(order).toEqual(['first begins', 'first ends', 'second begins', 'second ends']);
  });

  it.each<[what: string, run: () => Promise<void> | void]>([
    ['takes too long', never],
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no');
      },
    ],
  ])('goes on after a phase that %s, and says that the stop was not clean', async (_what, run) => {
    const { ran, phases } = recordingPhases({ first: fine, second: run, third: fine });
    expect(await runStopPhases(phases, silentLog)).toBe('unclean');
    expect(ran).toEqual(['first', 'second', 'third']);
  });

  it('is clean with nothing to do', async () => {
    expect(await runStopPhases([], silentLog)).toBe('clean');
  });
});
