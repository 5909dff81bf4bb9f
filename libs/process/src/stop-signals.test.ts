import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { SAME_WISH_MS, watchStopSignals } from './stop-signals.js';

const PENDING = 'pending';
const stateOf = (promise: Promise<string>) => Promise.race([promise, Promise.resolve(PENDING)]);

function signalsAt(...signals: Array<[signal: string, atMs: number]>) {
  const source = new EventEmitter();
  let nowMs = 0;
  const watched = watchStopSignals(source, () => nowMs);
  for (const [signal, atMs] of signals) {
    nowMs = atMs;
    source.emit(signal);
  }
  return watched;
}

describe('watchStopSignals', () => {
  it('waits for a signal', async () => {
    const { stop, force } = signalsAt();
    expect(await stateOf(stop)).toBe(PENDING);
    expect(await stateOf(force)).toBe(PENDING);
  });

  it.each(['SIGTERM', 'SIGINT'])('stops on %s', async (signal) => {
    const { stop, force } = signalsAt([signal, 5]);
    expect(await stateOf(stop)).toBe(signal);
    expect(await stateOf(force)).toBe(PENDING);
  });

  it('takes a second signal at once for the same wish', async () => {
    const { force } = signalsAt(['SIGINT', 5], ['SIGINT', 6], ['SIGTERM', 5 + SAME_WISH_MS]);
    expect(await stateOf(force)).toBe(PENDING);
  });

  it('takes a later signal for impatience', async () => {
    const { force } = signalsAt(['SIGTERM', 5], ['SIGINT', 6 + SAME_WISH_MS]);
    expect(await stateOf(force)).toBe('SIGINT');
  });
});
