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
  /**
   * Gives the store at this place another identity, durably: an operator has decided that it is another one from now on.
   * Absent from places that only stand for another.
   */
  reidentify?(identity: StoreIdentity): Promise<void>;
  /**
   * Removes what killed writers left on its way; answers with how much that was. `nowMs` is the time to judge ages by.
   * Absent where such a writer leaves nothing.
   */
  removeLeftovers?(nowMs: number): Promise<number>;
  /** The store of that identity at this place; asks nothing. */
  open(identity: StoreIdentity): Store;
}
