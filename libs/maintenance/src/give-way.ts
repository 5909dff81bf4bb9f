/**
 * What passes do between two steps. Every turn of the event loop that they take, each request under way waits for, a dozen
 * times over; so where others want the processor, a pass rests longer than it has worked, and where nobody does, not at all.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';

/** Longer than this, and others had work in the turn that was left to them. */
const BUSY_TURN_MS = 0.25;
/** Of the time of the step; leaves three quarters of the main thread, and more, to requests. */
const REST_FACTOR = 4;
/** No step works longer than a quarter of this: what it took beyond, it was waiting for others itself. */
const MAX_REST_MS = 100;
/** Who was busy a moment ago will be so again. */
const BUSY_FOR_MS = 200;

export class Courtesy {
  #busyUntilMs = 0;
  #beganMs = performance.now();

  /** To be awaited behind every step. */
  async giveWay(): Promise<void> {
    const workedMs = performance.now() - this.#beganMs;
    const leftMs = performance.now();
    await nextTurn();
    const nowMs = performance.now();
    if (nowMs - leftMs > BUSY_TURN_MS) this.#busyUntilMs = nowMs + BUSY_FOR_MS;
    if (nowMs < this.#busyUntilMs) await rest(Math.min(REST_FACTOR * workedMs, MAX_REST_MS));
    this.#beganMs = performance.now();
  }
}

function rest(restMs: number): Promise<void> {
  return new Promise((resolve) => void setTimeout(resolve, restMs));
}
