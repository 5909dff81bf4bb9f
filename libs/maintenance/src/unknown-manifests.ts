/**
 * Whether every store has been seen, whole, without a manifest that the catalog does not know. Only then does nothing refer
 * to a chunk that the catalog has no reference to: a file that the catalog has forgotten may need it. Kept in memory, so
 * that after a start all stores are looked at before a stray chunk may go.
 *
 * A catalog that was rebuilt holds all collection until that is proven (`unseen_replicas`), and only that ends the hold. The
 * proof is stricter: a look that could miss something, or may change nothing, shows manifests and does not prove that there
 * are none. A stray manifest of a later day sets no hold: the catalog that is there knows of every file since its rebuild.
 */
import type { Garbage } from '#libs/catalog';
import type { StoreId } from '#libs/kernel';

/** What a look at a store came to that read all of its listing. */
export interface ManifestLook {
  /** Manifests of no file, those in motion included of which nobody knows yet whose they are. */
  readonly unknown: number;
  /** `shown`: directories were missing, or it was only a look: nothing may be concluded from what it did not find. */
  readonly worth: 'proof' | 'shown';
}

/** A store whose look the collection waits for. */
export interface AwaitedStore {
  readonly storeId: StoreId;
  /** Undefined where it was not seen whole since the start. */
  readonly unknownManifests: number | undefined;
}

export class UnknownManifests {
  readonly #storeIds: readonly StoreId[];
  readonly #garbage: Pick<Garbage, 'holds' | 'release'>;
  readonly #looks = new Map<StoreId, ManifestLook>();
  /** Only a start sets it. */
  #isHeld: boolean;

  /** `storeIds`: also of stores that nobody may look at now. */
  constructor(storeIds: readonly StoreId[], garbage: Pick<Garbage, 'holds' | 'release'>) {
    this.#storeIds = storeIds;
    this.#garbage = garbage;
    this.#isHeld = garbage.holds().includes('unseen_replicas');
  }

  saw(storeId: StoreId, look: ManifestLook): void {
    // A look that proves nothing takes nothing back that was proven.
    if (look.worth === 'shown' && look.unknown === 0 && this.#looks.get(storeId)?.unknown === 0) return;
    this.#looks.set(storeId, look);
    if (!this.#isHeld || look.worth !== 'proof' || this.#unproven.length > 0) return;
    this.#garbage.release('unseen_replicas');
    this.#isHeld = false;
  }

  get areNowhere(): boolean {
    return this.#storeIds.every((storeId) => this.#looks.get(storeId)?.unknown === 0);
  }

  /** None where the collection waits for no look. */
  get awaited(): readonly AwaitedStore[] {
    if (!this.#isHeld) return [];
    return this.#unproven.map((storeId) => {
      const look = this.#looks.get(storeId);
      const wasSeen = look !== undefined && (look.worth === 'proof' || look.unknown > 0);
      return { storeId, unknownManifests: wasSeen ? look.unknown : undefined };
    });
  }

  get #unproven(): StoreId[] {
    return this.#storeIds.filter((storeId) => {
      const look = this.#looks.get(storeId);
      return look?.unknown !== 0 || look.worth !== 'proof';
    });
  }
}
