/** A place that is what a test says. */
import { StoreError } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import type { Store, StoreIdentity, StorePlace } from '#libs/stores';

export type Standing = 'itself' | 'another' | 'nothing' | 'unreachable' | 'hung';

export class FakePlace implements StorePlace {
  readonly location = '/replica';
  standing: Standing = 'itself';
  readonly #identity: StoreIdentity;

  constructor(storeId: StoreId, clusterId: ClusterId) {
    this.#identity = { clusterId, storeId, name: 'replica', peers: [] };
  }

  async identify(): Promise<StoreIdentity | undefined> {
    switch (this.standing) {
      case 'itself':
        return this.#identity;
      case 'another':
        return { ...this.#identity, storeId: '0e0e0e0e-0000-4000-8000-000000000000' as StoreId };
      case 'nothing':
        return undefined;
      case 'unreachable':
        throw new StoreError('store_unreachable', 'The place is gone.');
      case 'hung':
        return new Promise<never>(() => undefined);
    }
  }

  async init(): Promise<void> {
    throw new Error('replication makes no stores');
  }

  /** Replication looks whether a store can be opened, and does nothing with it. */
  open(identity: StoreIdentity): Store {
    return { identity } as Store;
  }
}
