/**
 * Looks for a store, while nothing else tells: a replica that vanishes while nothing is owed to it is seen, too. It is
 * looked for as a job looks for it, so that what is said of a store, one that has changed places with another included, is
 * what a copy would meet.
 */
import type { JobError } from '#libs/job-queue';
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { Timers } from './timers.js';

/** A place that does not answer for so long is not there: one hung mount must not hide what the others are. */
const TIME_LIMIT_MS = 5_000;

export type ProbeFinding =
  { readonly kind: 'present' } | { readonly kind: 'foreign' | 'absent'; readonly error: JobError };

export class StoreProbe {
  /** Throws `store_foreign` where another store stands in its place. */
  readonly #find: () => Promise<unknown>;
  readonly #timers: Timers;
  #asking: Promise<unknown> | undefined;

  constructor(find: () => Promise<unknown>, timers: Timers) {
    this.#find = find;
    this.#timers = timers;
  }

  /** Never throws. A question that is not answered is not asked twice: a hung mount would take a thread each time. */
  async ask(): Promise<ProbeFinding> {
    this.#asking ??= this.#find().finally(() => (this.#asking = undefined));
    const timeOut = Promise.withResolvers<never>();
    const late = new StoreError('store_unreachable', 'The store does not answer.');
    const cancel = this.#timers.after(TIME_LIMIT_MS, () => timeOut.reject(late));
    try {
      await Promise.race([this.#asking, timeOut.promise]);
      return { kind: 'present' };
    } catch (error) {
      return { kind: StoreError.is(error, 'store_foreign') ? 'foreign' : 'absent', error: jobError(error) };
    } finally {
      cancel();
    }
  }
}

function jobError(error: unknown): JobError {
  const code = StoreError.is(error) ? error.code : (systemErrorCode(error) ?? 'internal');
  return { code, message: error instanceof Error ? error.message : String(error) };
}
