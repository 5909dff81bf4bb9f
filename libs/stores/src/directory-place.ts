/** A directory of a local file system, or one mounted as such, as the place of a store. */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { DirectoryStore, initDirectoryStore } from './directory-store.js';
import type { StoreIdentity } from './store-identity.js';
import { readIdentity, writeIdentity } from './store-identity.js';
import { removeStagedLeftovers } from './staged-leftovers.js';
import type { StorePlace } from './store-place.js';
import { SyncDoubt } from './sync-doubt.js';

/** A disk that spins up takes seconds; a mount whose server is gone may take for ever. */
const PATIENCE_MS = 5_000;

export interface DirectoryPlaceOptions {
  readonly patienceMs?: number;
}

/**
 * It is asked one question at a time, and none waits for longer than its patience: a mount that hangs would take a thread
 * of the pool for every question, and then the log would have none to sync with.
 */
export class DirectoryPlace implements StorePlace {
  readonly location: string;
  readonly #fs: FileSystem;
  readonly #patienceMs: number;
  /** Of every store that was opened here. */
  readonly #doubts = new Map<StoreId, SyncDoubt>();
  #asking: Promise<StoreIdentity | undefined> | undefined;
  /** For all who come while a question is under way: it may have been answered before they came. */
  #askingNext: Promise<StoreIdentity | undefined> | undefined;

  constructor(fs: FileSystem, path: string, { patienceMs = PATIENCE_MS }: DirectoryPlaceOptions = {}) {
    this.#fs = fs;
    this.location = path;
    this.#patienceMs = patienceMs;
  }

  async identify(): Promise<StoreIdentity | undefined> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const message = `${this.location} does not answer; is it a mount whose server is gone?`;
    const timer = setTimeout(() => reject(new StoreError('store_unreachable', message)), this.#patienceMs);
    try {
      return await Promise.race([this.#answer(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  init(identity: StoreIdentity): Promise<void> {
    return initDirectoryStore(this.#fs, this.location, identity);
  }

  reidentify(identity: StoreIdentity): Promise<void> {
    return writeIdentity(this.#fs, this.location, identity);
  }

  removeLeftovers(nowMs: number): Promise<number> {
    return removeStagedLeftovers(this.#fs, this.location, nowMs);
  }

  open(identity: StoreIdentity): DirectoryStore {
    const doubt = this.#doubts.get(identity.storeId) ?? new SyncDoubt();
    this.#doubts.set(identity.storeId, doubt);
    return new DirectoryStore(this.#fs, this.location, identity, doubt);
  }

  #answer(): Promise<StoreIdentity | undefined> {
    if (this.#asking === undefined) return this.#ask();
    const ask = (): Promise<StoreIdentity | undefined> => {
      this.#askingNext = undefined;
      return this.#ask();
    };
    this.#askingNext ??= this.#asking.then(ask, ask);
    return this.#askingNext;
  }

  #ask(): Promise<StoreIdentity | undefined> {
    const asking = readIdentity(this.#fs, this.location).finally(() => {
      if (this.#asking === asking) this.#asking = undefined;
    });
    this.#asking = asking;
    return asking;
  }
}
