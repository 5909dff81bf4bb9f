/** A store that a rebuild reads from and can do without: whatever it throws says that it was this store. */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { Store } from '#libs/stores';

export type ReadableStore = Pick<Store, 'identity' | 'get' | 'has' | 'list'>;

export class HelperFailure extends Error {
  constructor(
    readonly store: ReadableStore,
    cause: unknown,
  ) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'HelperFailure';
  }
}

export function helpingStore(store: Store): ReadableStore {
  async function call<Result>(work: Promise<Result>): Promise<Result> {
    try {
      return await work;
    } catch (error) {
      // One bad sector is a corrupt object; a later version's bytes are nothing to go on with.
      if (systemErrorCode(error) === 'EIO' || StoreError.is(error, 'future_format')) throw error;
      throw new HelperFailure(helper, error);
    }
  }
  const helper: ReadableStore = {
    identity: store.identity,
    get: (key, options) => call(store.get(key, options)),
    has: (key) => call(store.has(key)),
    list: (kind, query) => call(store.list(kind, query)),
  };
  return helper;
}
