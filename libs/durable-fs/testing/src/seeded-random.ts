/** mulberry32: small, fast and the same on every machine, so that a failing seed can be run again. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform in 0 … `count` - 1. */
  below(count: number): number {
    return Math.floor(this.fraction() * count);
  }

  /** `count` of `items`, in their order; all of them where there are not more. */
  sample<T>(items: readonly T[], count: number): T[] {
    let wanted = Math.min(count, items.length);
    return items.filter((_item, index) => {
      const isTaken = this.below(items.length - index) < wanted;
      if (isTaken) wanted -= 1;
      return isTaken;
    });
  }
}
