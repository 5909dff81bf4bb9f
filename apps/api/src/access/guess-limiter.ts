/**
 * Slows who guesses at keys, by address. An address may be wrong `MAX_GUESSES` times at once and then once a second; beyond
 * that its keys are not even looked at, or a flood of guesses would learn as much from refusals.
 *
 * Behind a proxy many clients have one address. So a key that was right from an address is remembered for it and is never
 * refused there, whoever guesses beside it: what is in use is never locked out. Only a key that is new behind that address
 * has to wait for a guess that is free again, one second at most after the guessing ends.
 *
 * All of it is bounded and none of it has a timer: what an address may do is reckoned when it asks.
 */
import { LRUCache } from 'lru-cache';

export const MAX_GUESSES = 20;
export const MS_PER_GUESS = 1_000;

/** Forgotten are the addresses that asked least lately: a forgotten guesser begins anew, a forgotten key is a new one. */
export const MAX_ADDRESSES = 10_000;

export interface Attempt {
  readonly address: string;
  /** Which key it is; undefined for none of ours. */
  readonly key: string | undefined;
}

export type Judgement = { readonly kind: 'right' | 'wrong' } | { readonly kind: 'slowed'; readonly waitMs: number };

interface Guesses {
  readonly left: number;
  readonly countedAtMs: number;
}

const RIGHT: Judgement = { kind: 'right' };
const WRONG: Judgement = { kind: 'wrong' };

export class GuessLimiter {
  /** Milliseconds of a clock that never goes back. */
  readonly #now: () => number;
  readonly #guesses: LRUCache<string, Guesses>;
  readonly #knownKeys: LRUCache<string, Set<string>>;

  constructor(now: () => number, maxAddresses = MAX_ADDRESSES) {
    this.#now = now;
    this.#guesses = new LRUCache({ max: maxAddresses });
    this.#knownKeys = new LRUCache({ max: maxAddresses });
  }

  judge({ address, key }: Attempt): Judgement {
    const known = this.#knownKeys.get(address);
    if (key !== undefined && known?.has(key)) return RIGHT;
    const left = this.#guessesLeft(address);
    if (left < 1) return { kind: 'slowed', waitMs: Math.ceil((1 - left) * MS_PER_GUESS) };
    if (key === undefined) {
      this.#guesses.set(address, { left: left - 1, countedAtMs: this.#now() });
      return WRONG;
    }
    if (known === undefined) this.#knownKeys.set(address, new Set([key]));
    else known.add(key);
    return RIGHT;
  }

  #guessesLeft(address: string): number {
    const guesses = this.#guesses.get(address);
    if (guesses === undefined) return MAX_GUESSES;
    return Math.min(guesses.left + (this.#now() - guesses.countedAtMs) / MS_PER_GUESS, MAX_GUESSES);
  }
}
