/** Asks a place who it is, while nothing else tells: a replica that vanishes while nothing is owed to it is seen, too. */
import type { JobError } from '#libs/job-queue';
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import type { StoreIdentity, StorePlace } from '#libs/stores';
import type { Timers } from './timers.js';

/** A place that does not answer for so long is not there: one hung mount must not hide what the others are. */
const TIME_LIMIT_MS = 5_000;

export type ProbeFinding =
  { readonly kind: 'present' } | { readonly kind: 'foreign' | 'absent'; readonly error: JobError };

export interface ProbedStore {
  readonly place: StorePlace;
  readonly storeId: StoreId;
  readonly clusterId: ClusterId;
}

export class StoreProbe {
  readonly #store: ProbedStore;
  readonly #timers: Timers;
  #asking: Promise<StoreIdentity | undefined> | undefined;

  constructor(store: ProbedStore, timers: Timers) {
    this.#store = store;
    this.#timers = timers;
  }

  /** Never throws. A question that is not answered is not asked twice: a hung mount would take a thread each time. */
  async ask(): Promise<ProbeFinding> {
    this.#asking ??= this.#store.place.identify().finally(() => (this.#asking = undefined));
    const timeOut = Promise.withResolvers<'time_out'>();
    const cancel = this.#timers.after(TIME_LIMIT_MS, () => timeOut.resolve('time_out'));
    try {
      const answer = await Promise.race([this.#asking, timeOut.promise]);
      return answer === 'time_out' ? absent('The store does not answer.') : this.#judge(answer);
    } catch (error) {
      return { kind: 'absent', error: jobError(error) };
    } finally {
      cancel();
    }
  }

  #judge(found: StoreIdentity | undefined): ProbeFinding {
    const { storeId, clusterId, place } = this.#store;
    if (found === undefined) return absent(`There is no store at ${place.location}.`);
    if (found.storeId === storeId && found.clusterId === clusterId) return { kind: 'present' };
    const message = `${place.location} is the store ${found.storeId}, not ${storeId}.`;
    return { kind: 'foreign', error: { code: 'store_foreign', message } };
  }
}

function absent(message: string): ProbeFinding {
  return { kind: 'absent', error: { code: 'store_unreachable', message } };
}

function jobError(error: unknown): JobError {
  const code = StoreError.is(error) ? error.code : (systemErrorCode(error) ?? 'internal');
  return { code, message: error instanceof Error ? error.message : String(error) };
}
