/**
 * SIGTERM and SIGINT. The first asks for an orderly stop. One that follows at once is the same wish: Ctrl-C in a terminal
 * reaches the server twice, from the terminal and from npm, which hands it on. One that comes later is impatience: it ends
 * the process on the spot, which loses nothing, since recovery covers any end.
 */
import type { EventEmitter } from 'node:events';

export const SAME_WISH_MS = 2_000;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;

export interface StopSignals {
  /** The first signal's name, when it comes. */
  readonly stop: Promise<string>;
  /** The name of the first signal that came later than `SAME_WISH_MS` after it. */
  readonly force: Promise<string>;
}

export function watchStopSignals(source: EventEmitter, now: () => number): StopSignals {
  const stop = Promise.withResolvers<string>();
  const force = Promise.withResolvers<string>();
  let firstAtMs: number | undefined;
  for (const signal of SIGNALS) {
    source.on(signal, () => {
      firstAtMs ??= now();
      if (now() - firstAtMs > SAME_WISH_MS) force.resolve(signal);
      stop.resolve(signal);
    });
  }
  return { stop: stop.promise, force: force.promise };
}
