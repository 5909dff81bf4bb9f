/** How often what happened. */
export class Counts {
  readonly #counts = new Map<string, number>();

  add(what: string): void {
    this.#counts.set(what, this.of(what) + 1);
  }

  of(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  toString(): string {
    return [...this.#counts]
      .toSorted()
      .map(([what, count]) => `${what}: ${count}`)
      .join(' · ');
  }
}
