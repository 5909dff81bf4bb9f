/**
 * A place of the settings that is a store, or may become one: a directory or a bucket. Who it is must be asked before it
 * is opened, and asked again before it is written to: a disk can be swapped while the server runs.
 */
import type { Store } from './store.js';
import type { StoreIdentity } from './store-identity.js';

export interface StorePlace {
  /** For people; without secrets. */
  readonly location: string;
  /**
   * Who the store is, or undefined where the place can be reached and is no store. Throws `store_unreadable`,
   * `future_format`, or `store_unreachable` where the place itself cannot be reached.
   */
  identify(): Promise<StoreIdentity | undefined>;
  /** Makes the place a store. Its identity is written last: where that stands, all of it stands. */
  init(identity: StoreIdentity): Promise<void>;
  /** The store of that identity at this place; asks nothing. */
  open(identity: StoreIdentity): Store;
}
