/** A store that tells of each call before it is made, so that a test can hold it there, fail it, or let another act first. */
import type {
  ListQuery,
  ObjectKey,
  ObjectKind,
  ObjectPage,
  ReadOptions,
  SmallObject,
  Store,
  StoredObject,
} from '#libs/stores';
import type { StoreIdentity } from '#libs/stores';

export interface StoreCall {
  readonly storeName: string;
  readonly method: Exclude<keyof Store, 'identity'>;
  readonly keys: readonly ObjectKey[];
}

export class WatchedStore implements Store {
  readonly identity: StoreIdentity;
  readonly #store: Store;
  readonly #before: (call: StoreCall) => Promise<void>;
  readonly #after: (call: StoreCall) => Promise<void>;

  constructor(
    store: Store,
    listeners: { before?: (call: StoreCall) => Promise<void>; after?: (call: StoreCall) => Promise<void> },
  ) {
    this.#store = store;
    this.identity = store.identity;
    this.#before = listeners.before ?? (async () => undefined);
    this.#after = listeners.after ?? (async () => undefined);
  }

  get isInDoubt(): boolean {
    return this.#store.isInDoubt ?? false;
  }

  put(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    return this.#call('put', [key], () => this.#store.put(key, bytes));
  }

  putAll(objects: readonly StoredObject[]): Promise<void> {
    const keys = objects.map(({ key }) => key);
    return this.#call('putAll', keys, () => this.#store.putAll(objects));
  }

  get(key: ObjectKey, options?: ReadOptions): Promise<Buffer | undefined> {
    return this.#call('get', [key], () => this.#store.get(key, options));
  }

  /** Told of as so many `get`: who watches one object is not to care how it is read. */
  async getAll(keys: readonly ObjectKey[], options: { readonly maxBytes: number }): Promise<readonly SmallObject[]> {
    const failures = new Map<ObjectKey, Error>();
    const calls = keys.map((key): StoreCall => ({ storeName: this.identity.name, method: 'get', keys: [key] }));
    for (const call of calls) await this.#before(call).catch((error: Error) => failures.set(call.keys[0]!, error));
    const objects = await this.#store.getAll(keys, options);
    for (const call of calls) await this.#after(call);
    return objects.map((object, index) => failures.get(keys[index]!) ?? object);
  }

  getRange(key: ObjectKey, range: { readonly start: number; readonly end: number }): Promise<Buffer | undefined> {
    return this.#call('getRange', [key], () => this.#store.getRange(key, range));
  }

  has(key: ObjectKey): Promise<number | undefined> {
    return this.#call('has', [key], () => this.#store.has(key));
  }

  hasAll(keys: readonly ObjectKey[]): Promise<(number | undefined)[]> {
    return this.#call('hasAll', keys, () => this.#store.hasAll(keys));
  }

  delete(key: ObjectKey): Promise<void> {
    return this.#call('delete', [key], () => this.#store.delete(key));
  }

  deleteAll(keys: readonly ObjectKey[]): Promise<void> {
    return this.#call('deleteAll', keys, () => this.#store.deleteAll(keys));
  }

  syncAll(keys: readonly ObjectKey[]): Promise<void> {
    return this.#call('syncAll', keys, () => this.#store.syncAll(keys));
  }

  setAside(key: ObjectKey): Promise<void> {
    return this.#call('setAside', [key], () => this.#store.setAside(key));
  }

  list(kind: ObjectKind, query: ListQuery): Promise<ObjectPage> {
    return this.#call('list', [], () => this.#store.list(kind, query));
  }

  restoreDirectories(): Promise<number> {
    return this.#call('restoreDirectories', [], () => this.#store.restoreDirectories());
  }

  async #call<Result>(
    method: StoreCall['method'],
    keys: readonly ObjectKey[],
    call: () => Promise<Result>,
  ): Promise<Result> {
    const told: StoreCall = { storeName: this.identity.name, method, keys };
    await this.#before(told);
    const result = await call();
    await this.#after(told);
    return result;
  }
}
