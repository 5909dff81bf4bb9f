/** Randomness that a seed repeats. */
import { createHash } from 'node:crypto';

export class SeededRandom {
  readonly #seed: string;
  #state: number;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
    this.#state = createHash('sha256').update(seed).digest().readUInt32LE();
  }

  /** An integer from 0 up to, and without, `bound`. */
  below(bound: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound);
  }

  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Other bytes at each call. */
  bytes(sizeBytes: number): Buffer {
    this.#drawn += 1;
    if (sizeBytes === 0) return Buffer.alloc(0);
    return createHash('shake256', { outputLength: sizeBytes }).update(`${this.#seed} ${this.#drawn}`).digest();
  }
}
