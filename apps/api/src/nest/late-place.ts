/** The place of a replica that was away when it was new: it is made a store as soon as it answers to whoever asks who it is. */
import type { LateReplicas, Replica } from '#libs/recovery';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';

export class LatePlace implements StorePlace {
  readonly location: string;
  readonly #replica: Replica;
  readonly #late: LateReplicas;
  #isMade = false;

  constructor(replica: Replica, late: LateReplicas) {
    this.location = replica.location;
    this.#replica = replica;
    this.#late = late;
  }

  async identify(): Promise<StoreIdentity | undefined> {
    if (!this.#isMade) {
      await this.#late.make(this.#replica);
      this.#isMade = true;
    }
    return this.#replica.place.identify();
  }

  init(identity: StoreIdentity): Promise<void> {
    return this.#replica.place.init(identity);
  }

  open(identity: StoreIdentity): Store {
    return this.#replica.place.open(identity);
  }
}
