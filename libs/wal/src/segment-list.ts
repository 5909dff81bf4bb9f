/** Which segments a log consists of, oldest first. Bookkeeping only: who removes or adds a file says so here. */
import { lsn } from '#libs/kernel';
import type { Lsn } from '#libs/kernel';

export interface SealedSegment {
  readonly path: string;
  readonly firstLsn: Lsn;
  readonly lastLsn: Lsn;
  readonly sizeBytes: number;
}

export class SegmentList {
  readonly #sealed: SealedSegment[];

  constructor(sealed: readonly SealedSegment[]) {
    this.#sealed = [...sealed];
  }

  get sealed(): readonly SealedSegment[] {
    return this.#sealed;
  }

  get sealedBytes(): number {
    return this.#sealed.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  }

  /** `segment` is followed by `next`; where it held no record, `next` has its name and has replaced it. */
  seal(segment: Omit<SealedSegment, 'lastLsn'>, next: { readonly firstLsn: Lsn }): void {
    if (next.firstLsn === segment.firstLsn) return;
    this.#sealed.push({ ...segment, lastLsn: lsn(next.firstLsn - 1) });
  }

  /** How many sealed segments are wholly at or below `through`. */
  countThrough(through: Lsn): number {
    return this.#sealed.filter(({ lastLsn }) => lastLsn <= through).length;
  }

  /** The oldest sealed segment if all of it is at or below `through`. */
  oldestThrough(through: Lsn): SealedSegment | undefined {
    const oldest = this.#sealed[0];
    return oldest !== undefined && oldest.lastLsn <= through ? oldest : undefined;
  }

  removeOldest(): void {
    this.#sealed.shift();
  }
}
