/** When one file is tried again that failed although its store did not. */
import { backoffDelayMs } from '#libs/kernel';

const DELAY = { baseMs: 1_000, maxMs: 60_000 };
/** From this attempt on the delay is the longest, and the obligation `failed`: about two minutes of trying. */
const PATIENT_ATTEMPTS = 6;
/** However many files fail for ever, they must leave room for the others. */
const LONGEST_DELAY_MS = 5 * 60_000;
const JITTER = 0.2;

/** Nothing is put off for longer. */
export const LONGEST_RETRY_MS = LONGEST_DELAY_MS * (1 + JITTER);

export interface Retry {
  readonly state: 'pending' | 'failed';
  readonly delayMs: number;
}

/** `attempts`: how many there were before the one that failed. `random` is in [0, 1). */
export function retryAfter({ attempts, random }: { readonly attempts: number; readonly random: number }): Retry {
  if (attempts + 1 < PATIENT_ATTEMPTS) return { state: 'pending', delayMs: backoffDelayMs(attempts, DELAY, random) };
  return { state: 'failed', delayMs: LONGEST_DELAY_MS * (1 + JITTER * random) };
}
