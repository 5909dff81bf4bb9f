/** Looked at between the steps of a job: behind its deadline another worker may have the order, and may have done it. */
import { StoreError } from '#libs/kernel';
import type { Clock } from '#libs/kernel';

/**
 * A tombstone that stood at some moment of a job of this length, or would have come during it, stands at its end: they are
 * held for at least an hour (`TOMBSTONE_HOLD`).
 */
const LONG_MS = 30 * 60_000;

export class StopSign {
  readonly #deadlineMs: number;
  readonly #startedAtMs: number;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor({ deadlineMs, clock, signal }: { deadlineMs: number; clock: Clock; signal: AbortSignal }) {
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
    this.#signal = signal;
    this.#startedAtMs = clock.now();
  }

  /** Whether the worker may have slept, or worked, for so long that a tombstone has come and expired since. */
  get hasTakenLong(): boolean {
    return Math.abs(this.#clock.now() - this.#startedAtMs) >= LONG_MS;
  }

  /** Throws `job_overdue` or `job_interrupted`. */
  check(): void {
    if (this.#clock.now() > this.#deadlineMs) {
      throw new StoreError('job_overdue', 'The deadline of the job has passed; what is left is handed out again.');
    }
    if (this.#signal.aborted) throw new StoreError('job_interrupted', 'The worker was told to stop.');
  }
}
