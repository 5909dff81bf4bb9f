/** The place of a replica that was away when it was new: it is made a store as soon as it answers to whoever asks who it is. */
import type { LateReplicas, Replica } from '#libs/recovery';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';

export class LatePlace implements StorePlace {
  readonly location: string;
  readonly #replica: Replica;
  readonly #late: Pick<LateReplicas, 'make'>;
  /** Also for those who ask while it is being made: a second one that makes it would find a store that is not whole. */
  #making: Promise<void> | undefined;

  constructor(replica: Replica, late: Pick<LateReplicas, 'make'>) {
    this.location = replica.location;
    this.#replica = replica;
    this.#late = late;
  }

  async identify(): Promise<StoreIdentity | undefined> {
    this.#making ??= this.#late.make(this.#replica).catch((error: unknown) => {
      this.#making = undefined;
      throw error;
    });
    await this.#making;
    return this.#replica.place.identify();
  }

  init(identity: StoreIdentity): Promise<void> {
    return this.#replica.place.init(identity);
  }

  open(identity: StoreIdentity): Store {
    return this.#replica.place.open(identity);
  }
}
