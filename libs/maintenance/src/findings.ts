/** What a pass has found so far: counted all, and the first of it by name. */
import { MAX_FINDINGS } from './pass.js';
import type { Finding, FindingKind, PassProgress } from './pass.js';

export class Findings {
  readonly #found: Partial<Record<FindingKind, number>> = {};
  readonly #findings: Finding[] = [];
  /** Of those that `addAll` was given. */
  readonly #named = new Set<string>();
  #owed = 0;

  get found(): Readonly<Partial<Record<FindingKind, number>>> {
    return this.#found;
  }

  get findings(): readonly Finding[] {
    return this.#findings;
  }

  get owed(): number {
    return this.#owed;
  }

  add(finding: Finding): void {
    this.#found[finding.kind] = (this.#found[finding.kind] ?? 0) + 1;
    if (finding.action === 'owed') this.#owed += 1;
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push(finding);
  }

  /** All that a pass has found. What an earlier one has named already is no news. */
  addAll({ found, findings }: Pick<PassProgress, 'found' | 'findings'>): void {
    for (const [kind, count] of Object.entries(found) as [FindingKind, number][]) {
      this.#found[kind] = (this.#found[kind] ?? 0) + count;
    }
    for (const finding of findings) {
      const name = `${finding.kind} ${finding.storeId} ${finding.key.kind} ${finding.key.id}`;
      if (this.#named.has(name)) this.#found[finding.kind]! -= 1;
      else if (this.#findings.length < MAX_FINDINGS) {
        this.#named.add(name);
        this.#findings.push(finding);
      }
    }
  }
}
