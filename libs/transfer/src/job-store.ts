/**
 * A store as a job uses it: whatever it throws says that it was this store, and an object that its disk cannot read is a
 * corrupt object, because one bad sector must not stop the copying of everything else.
 */
import { forEachConcurrently, StoreError, systemErrorCode } from '#libs/kernel';
import type { ObjectKey, ReadOptions, SmallObject, Store, StoredObject } from '#libs/stores';
import { asStoreFault, isOfItem, StoreFault } from './store-fault.js';

/** Nearly all manifests are shorter: inline bytes, or a few thousand chunks. Longer ones are read one by one. */
const SMALL_BYTES = 128 * 1024;
const MAX_SINGLE_READS = 8;
/** Below this the way to another thread, which may have to be started, takes longer than the reads. */
const MANY_FROM = 16;
/** Read in one go: a store that does not answer is asked for no more than these before its fault is told. */
const PAGE_KEYS = 64;

/** What the reading of one object meets: a bad sector, a directory in its place, a link to itself. */
const UNREADABLE = new Set(['EIO', 'EISDIR', 'ELOOP']);

const isUnreadable = (error: unknown): boolean => UNREADABLE.has(systemErrorCode(error) ?? '');

export class JobStore {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  get name(): string {
    return this.#store.identity.name;
  }

  /** Whether only what is put anew is believed of it: a sync has failed since it is known. */
  get isInDoubt(): boolean {
    return this.#store.isInDoubt ?? false;
  }

  /** Throws `manifest_corrupt` or `chunk_corrupt` where the bytes are there and cannot be read. */
  get(key: ObjectKey, options?: ReadOptions): Promise<Buffer | undefined> {
    return this.#call(async () => {
      try {
        return await this.#store.get(key, options);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        throw this.#unreadable(key, error);
      }
    });
  }

  /** `get` of many, by the index of the key; what `get` would throw of one object alone is the answer for that one. */
  async getAll(keys: readonly ObjectKey[]): Promise<readonly (Buffer | undefined | StoreError)[]> {
    const found: (Buffer | undefined | StoreError)[] = [];
    for (let at = 0; at < keys.length; at += PAGE_KEYS) {
      const page = keys.slice(at, at + PAGE_KEYS);
      const objects =
        page.length < MANY_FROM
          ? page.map((): SmallObject => 'large')
          : await this.#call(() => this.#store.getAll(page, { maxBytes: SMALL_BYTES }));
      await forEachConcurrently(page.entries(), MAX_SINGLE_READS, async ([index, key]) => {
        found[at + index] = await this.#answerFor(key, objects[index]!);
      });
    }
    return found;
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

  lostSync(): StoreFault {
    const { storeId, name } = this.#store.identity;
    const message = `A sync of ${name} failed while the job was under way; what stands there is put anew.`;
    return new StoreFault('store_unreachable', message, { storeId, cause: undefined });
  }

  async #answerFor(key: ObjectKey, object: SmallObject): Promise<Buffer | undefined | StoreError> {
    if (object === 'absent') return undefined;
    if (Buffer.isBuffer(object)) return object;
    if (object !== 'large') {
      if (isUnreadable(object)) return this.#unreadable(key, object);
      throw asStoreFault(object, this.#store.identity);
    }
    try {
      return await this.get(key);
    } catch (error) {
      if (isOfItem(error)) return error;
      throw error;
    }
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
