/**
 * The replicas' side of the collection: a chunk that is garbage on the primary is garbage everywhere, because references
 * are counted in one catalog. Called under the chunk lock, so nobody can upload the chunk again before the unlinks have
 * answered or their time is up; what has not answered by then is unknown there, durably, until a copy puts it again or a
 * later pass unlinks it.
 */
import type { UnknownChunks } from '#libs/catalog';
import type { ChunkId, Clock, StoreId } from '#libs/kernel';
import type { Store } from '#libs/stores';
import type { Log } from '#libs/telemetry';

/** Uploads of the same bytes wait this long at most for a replica that does not answer. */
const UNLINK_TIMEOUT_MS = 5_000;

export interface ReplicaGarbageOptions {
  readonly replicas: readonly { readonly storeId: StoreId; readonly name: string }[];
  /** Throws where the replica is not there, or is another store. */
  readonly open: (storeId: StoreId) => Promise<Store>;
  readonly unknownChunks: UnknownChunks;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeoutMs?: number;
}

export class ReplicaGarbage {
  readonly #options: ReplicaGarbageOptions;

  constructor(options: ReplicaGarbageOptions) {
    this.#options = options;
  }

  get storeIds(): readonly StoreId[] {
    return this.#options.replicas.map(({ storeId }) => storeId);
  }

  /** Unlinks the chunks on every replica. Never throws for what a replica does. */
  async remove(chunkIds: readonly ChunkId[]): Promise<void> {
    const { unknownChunks, clock } = this.#options;
    unknownChunks.note(this.storeIds, chunkIds, clock.now());
    await Promise.all(this.storeIds.map((storeId) => this.removeUnknown(storeId, chunkIds)));
  }

  /** Unlinks chunks that are unknown there. */
  async removeUnknown(storeId: StoreId, chunkIds: readonly ChunkId[]): Promise<void> {
    if (chunkIds.length === 0) return;
    const { unknownChunks, log } = this.#options;
    try {
      await this.#inTime(this.#unlink(storeId, chunkIds));
      unknownChunks.forget(storeId, chunkIds);
    } catch (error) {
      log.debug({ store_id: storeId, chunks: chunkIds.length, err: error }, 'garbage of a replica is unknown now');
    }
  }

  async #unlink(storeId: StoreId, chunkIds: readonly ChunkId[]): Promise<void> {
    const store = await this.#options.open(storeId);
    await store.deleteAll(chunkIds.map((id) => ({ kind: 'chunk', id })));
  }

  async #inTime(work: Promise<void>): Promise<void> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const { timeoutMs = UNLINK_TIMEOUT_MS } = this.#options;
    const timer = setTimeout(() => reject(new Error(`no answer in ${timeoutMs} ms`)), timeoutMs);
    // A failure behind the time-out is nobody's: the chunks are unknown already.
    work.catch(() => undefined);
    try {
      await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  }
}
