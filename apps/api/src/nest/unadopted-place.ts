/**
 * The place of a store that was taken out of the settings and is back. It has missed every delete since, so whoever asks
 * it who it is learns that it is nobody to write to, or to read from, until an operator adopts it.
 */
import { StoreError } from '#libs/kernel';
import type { Replica } from '#libs/recovery';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';

export class UnadoptedPlace implements StorePlace {
  readonly location: string;
  readonly #replica: Replica;

  constructor(replica: Replica) {
    this.location = replica.location;
    this.#replica = replica;
  }

  async identify(): Promise<StoreIdentity> {
    const { name, location, storeId } = this.#replica;
    throw new StoreError(
      'store_foreign',
      `The store at ${location} was taken out of REPLICAS once and has missed what was deleted since. Stop the server and take it back: npm run holdfast -- adopt ${name}`,
      { context: { store_id: storeId } },
    );
  }

  init(identity: StoreIdentity): Promise<void> {
    return this.#replica.place.init(identity);
  }

  open(identity: StoreIdentity): Store {
    return this.#replica.place.open(identity);
  }
}
