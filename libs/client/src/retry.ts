/** When to try again. The decision is a pure function; `RetryBudget` holds what it decides on, for one call. */
import { backoffDelayMs } from '#libs/kernel';
import { setTimeout as sleep } from 'node:timers/promises';
import { ClientError } from './client-error.js';

export interface RetryPolicy {
  /** Attempts without progress, the first one included. */
  readonly maxAttempts: number;
  /** Attempts while this client has never had an answer and no connection is made: then the address is wrong, most often. */
  readonly maxFirstContacts: number;
  /** No attempt starts later than this after the first failure without progress. */
  readonly maxTotalMs: number;
  readonly baseMs: number;
  readonly maxDelayMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  maxAttempts: 10,
  maxFirstContacts: 2,
  maxTotalMs: 60_000,
  baseMs: 200,
  maxDelayMs: 10_000,
};

/** Time and chance, which tests replace. */
export interface Timing {
  /** Milliseconds of a clock that never goes back. */
  now(): number;
  /** In [0, 1). */
  random(): number;
  sleep(delayMs: number, signal: AbortSignal | undefined): Promise<void>;
}

export const realTiming: Timing = {
  now: () => performance.now(),
  random: () => Math.random(),
  sleep: async (delayMs, signal) => {
    try {
      await sleep(delayMs, undefined, { signal });
    } catch (error) {
      // Whoever aborts says why; what sleep throws does not.
      throw signal?.aborted === true ? signal.reason : error;
    }
  },
};

export interface Failures {
  readonly count: number;
  readonly sinceFirstMs: number;
  readonly hadContact: boolean;
  readonly last: ClientError;
}

/** How long to wait before the next attempt; undefined where there is none. */
export function retryDelayMs(failures: Failures, policy: RetryPolicy, random: number): number | undefined {
  const { count, sinceFirstMs, hadContact, last } = failures;
  if (!last.isRetryable) return undefined;
  const isFirstContact = !hadContact && last.code === 'unreachable';
  if (count >= (isFirstContact ? policy.maxFirstContacts : policy.maxAttempts)) return undefined;
  const backoffMs = backoffDelayMs(count - 1, { baseMs: policy.baseMs, maxMs: policy.maxDelayMs }, random);
  // The server knows better than the client when it is worth while, but clients told the same must not return together.
  const delayMs =
    last.retryAfterMs === undefined
      ? backoffMs
      : Math.max(backoffMs, last.retryAfterMs + Math.min(policy.baseMs, last.retryAfterMs) * random);
  return sinceFirstMs + delayMs > policy.maxTotalMs ? undefined : delayMs;
}

/** Whether any request of a client has been answered yet. */
export interface Contact {
  readonly hadContact: boolean;
}

export class RetryBudget {
  readonly #policy: RetryPolicy;
  readonly #timing: Timing;
  readonly #contact: Contact;
  #count = 0;
  #firstAtMs = 0;

  constructor(policy: RetryPolicy, timing: Timing, contact: Contact) {
    this.#policy = policy;
    this.#timing = timing;
    this.#contact = contact;
  }

  /** Resolves when the next attempt may start. Throws `failure` where there must be none, and what `signal` is aborted with. */
  async wait(failure: unknown, signal: AbortSignal | undefined): Promise<void> {
    if (!ClientError.is(failure)) throw failure;
    const nowMs = this.#timing.now();
    if (this.#count === 0) this.#firstAtMs = nowMs;
    this.#count += 1;
    const { hadContact } = this.#contact;
    const failures = { count: this.#count, sinceFirstMs: nowMs - this.#firstAtMs, hadContact, last: failure };
    const delayMs = retryDelayMs(failures, this.#policy, this.#timing.random());
    if (delayMs === undefined) throw failure;
    await this.#timing.sleep(delayMs, signal);
  }

  /** Bytes have come that will not have to come again: a transfer is as long as it is, only standing still is limited. */
  progressed(): void {
    this.#count = 0;
  }
}

/** Runs `attempt` until it succeeds or must not be run again. Only for what may happen twice. */
export async function withRetries<T>(
  budget: RetryBudget,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      await budget.wait(error, signal);
    }
  }
}
