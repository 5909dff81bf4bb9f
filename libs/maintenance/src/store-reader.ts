/**
 * One store as maintenance reads it: every question is answered in time or given up, and nothing more is asked of a store
 * that has not answered the last one. A hung mount so costs one thread of the pool, and keeps nobody waiting who reads
 * another store. What is thrown is the store's fault; what is wrong with one object is an answer.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import type { ListQuery, ObjectKey, ObjectKind, ObjectPage, SmallObject, Store } from '#libs/stores';
import { storeFaultCode } from '#libs/transfer';
import type { Stores } from '#libs/transfer';
import { inTime } from './in-time.js';
import { verdictOf } from './object-verdict.js';

const TIME_LIMIT_MS = 30_000;
/** The longest frame there can be, and one more: what is longer fails its digest without being read whole. */
const MAX_OBJECT_BYTES = 16 * 1024 * 1024 + 1;
/** Of one that is read together with others: a step reads so many of these that all of them are a mebibyte. */
const SMALL_BYTES = 32 * 1024;

/**
 * `unreadable`: it is there, and neither the store nor the disk is at fault for it, such as one without the right to read.
 * `unknown`: see `Verdict`. The bytes are valid until the next look.
 */
export type Sight =
  | { readonly state: 'whole'; readonly bytes: Buffer }
  | { readonly state: 'missing' }
  | { readonly state: 'corrupt' | 'unreadable'; readonly reason: string; readonly sizeBytes: number }
  | { readonly state: 'unknown'; readonly sizeBytes: number };

export interface StoreReaderOptions {
  readonly storeId: StoreId;
  readonly name: string;
  readonly stores: Stores;
  readonly timeoutMs?: number;
}

export class StoreReader {
  readonly storeId: StoreId;
  readonly name: string;
  readonly #stores: Stores;
  readonly #timeoutMs: number;
  #store: Store | undefined;
  #unanswered: Promise<unknown> | undefined;
  /** Large, and touched only as far as objects are long; absent while it is lent out. */
  #buffer: Buffer | undefined;

  constructor({ storeId, name, stores, timeoutMs = TIME_LIMIT_MS }: StoreReaderOptions) {
    this.storeId = storeId;
    this.name = name;
    this.#stores = stores;
    this.#timeoutMs = timeoutMs;
  }

  /** Looks for the store among the places, wherever it stands by now. Throws what `Stores.open` throws. */
  async open(): Promise<void> {
    this.#store = undefined;
    this.#store = await this.#inTime(() => this.#stores.open(this.storeId));
  }

  /** Asks the place once more who it is: what a place shows that is another one by now says nothing of this store. */
  async confirm(): Promise<void> {
    const store = await this.#opened();
    try {
      await this.#inTime(() => this.#stores.confirm(store));
    } catch (error) {
      this.#store = undefined;
      throw error;
    }
  }

  async list(kind: ObjectKind, query: ListQuery): Promise<ObjectPage> {
    const store = await this.#opened();
    return this.#inTime(() => store.list(kind, query));
  }

  async look(key: ObjectKey): Promise<Sight> {
    const store = await this.#opened();
    const into = this.#buffer ?? Buffer.allocUnsafeSlow(MAX_OBJECT_BYTES);
    this.#buffer = undefined;
    let bytes: Buffer | undefined;
    try {
      bytes = await this.#inTime(() => store.get(key, { into }));
    } catch (error) {
      // The memory of a read that is not over is not used again.
      if (this.#unanswered === undefined) this.#buffer = into;
      return sightOf(error);
    }
    const sight = bytes === undefined ? ({ state: 'missing' } as const) : await sightOfBytes(key, bytes);
    this.#buffer = into;
    return sight;
  }

  /** `look` at many small ones, by the index of the key; undefined where one is too large for that. */
  async lookAll(keys: readonly ObjectKey[]): Promise<(Sight | undefined)[]> {
    const store = await this.#opened();
    const objects = await this.#inTime(() => store.getAll(keys, { maxBytes: SMALL_BYTES }));
    const sights: (Sight | undefined)[] = [];
    for (const [index, key] of keys.entries()) sights.push(await sightOfSmall(key, objects[index] ?? 'absent'));
    return sights;
  }

  async setAside(key: ObjectKey): Promise<void> {
    const store = await this.#opened();
    await this.#inTime(() => store.setAside(key));
  }

  async put(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    const store = await this.#opened();
    await this.#inTime(() => store.put(key, bytes));
  }

  async #opened(): Promise<Store> {
    if (this.#store === undefined) await this.open();
    return this.#store!;
  }

  async #inTime<Result>(ask: () => Promise<Result>): Promise<Result> {
    if (this.#unanswered !== undefined)
      throw new StoreError('store_unreachable', `${this.name} still gives no answer.`);
    const answer = ask();
    let isAnswered = false;
    const answered = answer.then(
      () => (isAnswered = true),
      () => (isAnswered = true),
    );
    try {
      return await inTime(answer, this.#timeoutMs);
    } catch (error) {
      if (!isAnswered) {
        this.#store = undefined;
        this.#unanswered = answered.then(() => (this.#unanswered = undefined));
      }
      throw error;
    }
  }
}

async function sightOfSmall(key: ObjectKey, object: SmallObject): Promise<Sight | undefined> {
  if (object === 'large') return undefined;
  if (object === 'absent') return { state: 'missing' };
  return object instanceof Error ? sightOf(object) : sightOfBytes(key, object);
}

async function sightOfBytes(key: ObjectKey, bytes: Buffer): Promise<Sight> {
  const verdict = await verdictOf(key, bytes);
  return verdict.state === 'whole' ? { state: 'whole', bytes } : { ...verdict, sizeBytes: bytes.length };
}

/** One bad sector is a corrupt object; one file that may not be read must not end the reading of all others. */
function sightOf(error: unknown): Sight {
  const code = systemErrorCode(error);
  const isStoresOwn = StoreError.is(error) || code === undefined;
  if (!isStoresOwn && code === 'EIO') return { state: 'corrupt', reason: 'The disk cannot read it.', sizeBytes: 0 };
  const isOfObject = !isStoresOwn && [undefined, 'store_refused'].includes(storeFaultCode(error));
  if (!isOfObject) throw error;
  return { state: 'unreadable', reason: `It cannot be read (${code}).`, sizeBytes: 0 };
}
