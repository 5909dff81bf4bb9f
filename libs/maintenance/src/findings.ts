/** What a pass has found so far: counted all, and the first of it by name. */
import { MAX_FINDINGS } from './pass.js';
import type { Finding, FindingKind } from './pass.js';

export class Findings {
  readonly #found: Partial<Record<FindingKind, number>> = {};
  readonly #findings: Finding[] = [];

  get found(): Readonly<Partial<Record<FindingKind, number>>> {
    return this.#found;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  add(finding: Finding): void {
    this.#found[finding.kind] = (this.#found[finding.kind] ?? 0) + 1;
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push(finding);
  }
}
