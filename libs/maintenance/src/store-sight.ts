/**
 * Reads one store for the passes: in pages, every call within a time, in the order of the port. Where it throws, nothing
 * may be concluded from what was read so far.
 */
import type { ObjectKey, ObjectKind, ObjectPage, ReadOptions, SmallObject, Store } from '#libs/stores';
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import type { Stores } from '#libs/transfer';
import { inTime } from './in-time.js';

/**
 * A directory reads a whole shard however little of it is wanted. One less than two thousand: a bucket lists a thousand at a
 * time, and is asked for one more than the page has.
 */
const PAGE_OBJECTS = 1_999;
const ANSWER_TIMEOUT_MS = 60_000;

export const KINDS: readonly ObjectKind[] = ['manifest', 'tombstone', 'chunk'];

export interface SightPage extends ObjectPage {
  readonly kind: ObjectKind;
  /** How much of the store is behind this page, 0 to 1: shards are alike in size. */
  readonly share: number;
}

export class StoreSight {
  readonly #stores: Stores;
  readonly #store: Store;

  private constructor(stores: Stores, store: Store) {
    this.#stores = stores;
    this.#store = store;
  }

  /** Throws where the store is not there, or is another one. */
  static async open(stores: Stores, storeId: StoreId): Promise<StoreSight> {
    return new StoreSight(stores, await inTime(stores.open(storeId), ANSWER_TIMEOUT_MS));
  }

  get name(): string {
    return this.#store.identity.name;
  }

  /**
   * Every object, a page at a time. Throws `store_unreadable` where the order is not that of the port: the pages that
   * follow could then have left something out.
   */
  async *pages(options: { readonly sizes?: 'wanted' } = {}): AsyncGenerator<SightPage> {
    for (const [index, kind] of KINDS.entries()) {
      for (let after: string | undefined; ;) {
        const page = await this.#page(kind, { after, ...options });
        const shard = page.next === undefined ? 256 : Number.parseInt(page.next.slice(0, 2), 16);
        yield { ...page, kind, share: (index + shard / 256) / KINDS.length };
        if (page.next === undefined) break;
        if (after !== undefined && page.next <= after) throw this.#disorder(kind);
        after = page.next;
      }
    }
  }

  /** The objects of one kind whose names share their two digits. */
  async *shardPages(kind: ObjectKind, shard: string): AsyncGenerator<ObjectPage> {
    for (let after: string | undefined = `${shard}/`; after?.startsWith(shard);) {
      const page: ObjectPage = await this.#page(kind, { after, sizes: 'wanted' });
      yield page;
      if (page.next !== undefined && page.next <= after) throw this.#disorder(kind);
      after = page.next;
    }
  }

  /** Whether the store is still the one that was opened. Throws where it is not: what was missing was not looked for. */
  async confirm(): Promise<void> {
    await inTime(this.#stores.confirm(this.#store), ANSWER_TIMEOUT_MS);
  }

  has(key: ObjectKey): Promise<number | undefined> {
    return inTime(this.#store.has(key), ANSWER_TIMEOUT_MS);
  }

  get(key: ObjectKey, options?: ReadOptions): Promise<Buffer | undefined> {
    return inTime(this.#store.get(key, options), ANSWER_TIMEOUT_MS);
  }

  /** Durable on return. Where it throws, any of them may have gone, now or later. */
  deleteAll(keys: readonly ObjectKey[]): Promise<void> {
    return inTime(this.#store.deleteAll(keys), ANSWER_TIMEOUT_MS);
  }

  getAll(keys: readonly ObjectKey[], options: { readonly maxBytes: number }): Promise<readonly SmallObject[]> {
    return inTime(this.#store.getAll(keys, options), ANSWER_TIMEOUT_MS);
  }

  restoreDirectories(): Promise<number> {
    return inTime(this.#store.restoreDirectories(), ANSWER_TIMEOUT_MS);
  }

  #page(kind: ObjectKind, query: { after: string | undefined; sizes?: 'wanted' }): Promise<ObjectPage> {
    const { after, ...options } = query;
    const place = after === undefined ? options : { ...options, after };
    return inTime(this.#store.list(kind, { ...place, limit: PAGE_OBJECTS, gaps: 'skip' }), ANSWER_TIMEOUT_MS);
  }

  #disorder(kind: ObjectKind): StoreError {
    return new StoreError('store_unreadable', `${this.name} lists its ${kind}s in no order: pages may lack some.`);
  }
}
