/** How far work of a known number of stages has come. A stage that is done over again moves nothing. */
const UNITS_PER_STAGE = 100;

export class StageProgress {
  readonly total: number;
  readonly #begun = new Set<string>();
  #share: () => number = () => 0;

  constructor(stages: number) {
    this.total = stages * UNITS_PER_STAGE;
  }

  /** `share`: how far it has come, 0 to 1. What was under way before is done. */
  begin(name: string, share: () => number): void {
    this.#share = this.#begun.has(name) ? () => 1 : share;
    this.#begun.add(name);
  }

  get done(): number {
    if (this.#begun.size === 0) return 0;
    const share = Math.min(1, Math.max(0, this.#share()));
    return Math.min(this.total, Math.floor((this.#begun.size - 1 + share) * UNITS_PER_STAGE));
  }
}
