/**
 * How many objects of one store a repair has mended: what it owed in any round, less what the last round met again and less
 * what is not done. Only the first thousand are known by name. What is met again beyond them counts once, and of what is
 * owed beyond them nobody knows which is done: where anything is left, none of it is counted.
 */
import type { Finding } from './pass.js';
import { MAX_FINDINGS } from './pass.js';

export class OwedTally {
  readonly #named = new Map<string, Finding>();
  readonly #metAgain = new Set<string>();
  #rounds = 0;
  /** In the first round, and what was new in each later one. */
  #objects = 0;
  /** In the round under way, and what of it was new. */
  #round = { owed: 0, fresh: 0 };

  beginRound(): void {
    this.#rounds += 1;
    this.#round = { owed: 0, fresh: 0 };
    this.#metAgain.clear();
  }

  /** `owed`: how many a pass came to; `named`: the first of them. */
  add(owed: number, named: readonly Finding[]): void {
    let fresh = 0;
    for (const finding of named) {
      const name = `${finding.storeId} ${finding.key.kind} ${finding.key.id}`;
      if (this.#named.has(name)) this.#metAgain.add(name);
      else if (this.#named.size < MAX_FINDINGS) {
        this.#named.set(name, finding);
        fresh += 1;
      }
    }
    this.#objects += this.#rounds === 1 ? owed : fresh;
    this.#round = { owed: this.#round.owed + owed, fresh: this.#round.fresh + fresh };
  }

  /** `left`: whether anything is owed still. */
  mended({
    isDone,
    left,
  }: {
    readonly isDone: (finding: Finding) => boolean;
    readonly left: 'nothing' | 'some';
  }): number {
    const named = [...this.#named].filter(([name]) => !this.#metAgain.has(name));
    const done = named.filter(([, finding]) => isDone(finding)).length;
    if (left === 'some') return done;
    const metAgain = this.#rounds === 1 ? 0 : this.#round.owed - this.#round.fresh;
    return Math.max(0, this.#objects - metAgain - (named.length - done));
  }
}
