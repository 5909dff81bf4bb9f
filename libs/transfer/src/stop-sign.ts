/** Looked at between the steps of a job: behind its deadline another worker may have the order, and may have done it. */
import { StoreError } from '#libs/kernel';
import type { Clock } from '#libs/kernel';

export class StopSign {
  readonly #deadlineMs: number;
  readonly #clock: Clock;
  readonly #signal: AbortSignal;

  constructor({ deadlineMs, clock, signal }: { deadlineMs: number; clock: Clock; signal: AbortSignal }) {
    this.#deadlineMs = deadlineMs;
    this.#clock = clock;
    this.#signal = signal;
  }

  /** Throws `job_overdue` or `job_interrupted`. */
  check(): void {
    if (this.#clock.now() > this.#deadlineMs) {
      throw new StoreError('job_overdue', 'The deadline of the job has passed; what is left is handed out again.');
    }
    if (this.#signal.aborted) throw new StoreError('job_interrupted', 'The worker was told to stop.');
  }
}
