/**
 * A store as a job uses it: whatever it throws says that it was this store, and an object that its disk cannot read is a
 * corrupt object, because one bad sector must not stop the copying of everything else.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { ObjectKey, ReadOptions, Store, StoredObject } from '#libs/stores';
import { asStoreFault } from './store-fault.js';

/** What the reading of one object meets: a bad sector, a directory in its place, a link to itself. */
const UNREADABLE = new Set(['EIO', 'EISDIR', 'ELOOP']);

export class JobStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get name(): string {
    return this.#store.identity.name;
  }

  /** Throws `manifest_corrupt` or `chunk_corrupt` where the bytes are there and cannot be read. */
  get(key: ObjectKey, options?: ReadOptions): Promise<Buffer | undefined> {
    return this.#call(async () => {
      try {
        return await this.#store.get(key, options);
      } catch (error) {
        if (!UNREADABLE.has(systemErrorCode(error) ?? '')) throw error;
        throw this.#unreadable(key, error);
      }
    });
  }

  has(key: ObjectKey): Promise<number | undefined> {
    return this.#call(() => this.#store.has(key));
  }

  async hasAll(keys: readonly ObjectKey[]): Promise<(number | undefined)[]> {
    return keys.length === 0 ? [] : this.#call(() => this.#store.hasAll(keys));
  }

  async putAll(objects: readonly StoredObject[]): Promise<void> {
    if (objects.length > 0) await this.#call(() => this.#store.putAll(objects));
  }

  async deleteAll(keys: readonly ObjectKey[]): Promise<void> {
    if (keys.length > 0) await this.#call(() => this.#store.deleteAll(keys));
  }

  async syncAll(keys: readonly ObjectKey[]): Promise<void> {
    if (keys.length > 0) await this.#call(() => this.#store.syncAll(keys));
  }

  setAside(key: ObjectKey): Promise<void> {
    return this.#call(() => this.#store.setAside(key));
  }

  #unreadable(key: ObjectKey, cause: unknown): StoreError {
    const code = key.kind === 'chunk' ? 'chunk_corrupt' : 'manifest_corrupt';
    const context = { store: this.name, kind: key.kind, id: key.id };
    return new StoreError(code, `The disk of ${this.name} cannot read the ${key.kind} ${key.id}.`, { context, cause });
  }

  async #call<Result>(call: () => Promise<Result>): Promise<Result> {
    try {
      return await call();
    } catch (error) {
      throw asStoreFault(error, this.#store.identity);
    }
  }
}
