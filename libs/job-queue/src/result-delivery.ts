/**
 * Hands results to the listener: one at a time, in the order they came, and the same one again where the listener fails.
 * One that fails too often is dropped, because the rest wait behind it; its job is then overdue, and is handed out again.
 */
import { backoffDelayMs } from '#libs/kernel';
import type { BackoffOptions } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { setTimeout as sleep } from 'node:timers/promises';
import type { JobResult } from './job.js';
import type { ResultListener } from './job-queue.js';

export const MAX_DELIVERIES = 8;
const BETWEEN_DELIVERIES: BackoffOptions = { baseMs: 100, maxMs: 5_000 };

export interface DeliveryOptions {
  readonly log: Log;
  readonly backoff?: BackoffOptions;
}

export class ResultDelivery {
  readonly #log: Log;
  readonly #backoff: BackoffOptions;
  readonly #waiting: JobResult[] = [];
  readonly #stop = new AbortController();
  #listener: ResultListener | undefined;
  #delivering = false;
  #onDelivered = (): void => undefined;

  constructor({ log, backoff = BETWEEN_DELIVERIES }: DeliveryOptions) {
    this.#log = log;
    this.#backoff = backoff;
  }

  /** Results that no listener has taken yet: whoever makes results waits where there are many. */
  get undelivered(): number {
    return this.#waiting.length;
  }

  listen(listener: ResultListener, onDelivered: () => void): void {
    this.#listener = listener;
    this.#onDelivered = onDelivered;
    void this.#deliver();
  }

  push(result: JobResult): void {
    if (this.#stop.signal.aborted) return;
    this.#waiting.push(result);
    void this.#deliver();
  }

  stop(): void {
    this.#stop.abort();
    this.#waiting.length = 0;
  }

  async #deliver(): Promise<void> {
    if (this.#delivering || this.#listener === undefined) return;
    this.#delivering = true;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      await this.#deliverOne(next, this.#listener);
      this.#waiting.shift();
      this.#onDelivered();
    }
    this.#delivering = false;
  }

  async #deliverOne(result: JobResult, listener: ResultListener): Promise<void> {
    for (let delivery = 1; !this.#stop.signal.aborted; delivery++) {
      try {
        return await listener(result);
      } catch (error) {
        const facts = { job_id: result.jobId, delivery, err: error };
        if (delivery >= MAX_DELIVERIES) {
          this.#log.error(facts, 'a result was refused too often and is dropped; its job will be overdue');
          return;
        }
        this.#log.warn(facts, 'a result could not be taken into account; it is delivered again');
        await this.#pause(delivery - 1);
      }
    }
  }

  /** Ends early, without an error, where delivery is stopped. */
  async #pause(attempt: number): Promise<void> {
    const delayMs = backoffDelayMs(attempt, this.#backoff, Math.random());
    await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}
