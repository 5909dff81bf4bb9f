/**
 * Whether every store has been seen, whole, without a manifest that the catalog does not know. Only then does nothing refer
 * to a chunk that the catalog has no reference to: a file that the catalog has forgotten may need it. Kept in memory, so
 * that after a start all stores are looked at before a stray chunk may go.
 */
import type { StoreId } from '#libs/kernel';

export class UnknownManifests {
  readonly #storeIds: readonly StoreId[];
  readonly #counts = new Map<StoreId, number>();

  constructor(storeIds: readonly StoreId[]) {
    this.#storeIds = storeIds;
  }

  /** What the last whole look at a store came to. */
  saw(storeId: StoreId, count: number): void {
    this.#counts.set(storeId, count);
  }

  get areNowhere(): boolean {
    return this.#storeIds.every((storeId) => this.#counts.get(storeId) === 0);
  }
}
