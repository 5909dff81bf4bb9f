/** Time that passes when a test says so: a clock, and timers that follow it. */
import type { Clock } from '#libs/kernel';
import type { Timers } from '../../src/timers.js';

interface Alarm {
  readonly atMs: number;
  readonly run: () => void;
}

export class ManualTime implements Clock, Timers {
  #nowMs = 1_000_000;
  #alarms: Alarm[] = [];
  #soon: (() => void)[] = [];

  now(): number {
    return this.#nowMs;
  }

  /** Also back. Timers do not notice, as those of a machine do not. */
  setClock(nowMs: number): void {
    const jumpMs = nowMs - this.#nowMs;
    this.#nowMs = nowMs;
    this.#alarms = this.#alarms.map(({ atMs, run }) => ({ atMs: atMs + jumpMs, run }));
  }

  after(delayMs: number, run: () => void): () => void {
    const alarm = { atMs: this.#nowMs + delayMs, run };
    this.#alarms.push(alarm);
    return () => {
      this.#alarms = this.#alarms.filter((other) => other.run !== run);
    };
  }

  soon(run: () => void): void {
    this.#soon.push(run);
  }

  /** Everything that happens without time passing. */
  async settle(): Promise<void> {
    for (;;) {
      await new Promise(setImmediate);
      const batch = this.#soon.splice(0);
      if (batch.length === 0) return;
      for (const run of batch) run();
    }
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await this.settle();
    for (;;) {
      const next = this.#alarms.toSorted((left, right) => left.atMs - right.atMs)[0];
      if (next === undefined || next.atMs > untilMs) break;
      this.#alarms = this.#alarms.filter((alarm) => alarm !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.run();
      await this.settle();
    }
    this.#nowMs = untilMs;
  }
}
