/**
 * The replicas' side of the collection: a chunk that is garbage on the primary is garbage everywhere, because references
 * are counted in one catalog. Called under the chunk lock, so nobody can upload the chunk again before the unlinks have
 * answered or their time is up; what has not answered by then is unknown there, durably, until a copy puts it again or a
 * later pass unlinks it.
 *
 * A replica that has let one page of a pass wait in vain would let every page wait, and with it all collection and the
 * uploads of those bytes: until the next pass its chunks are only noted as unknown, which is what a time-out leaves too.
 *
 * An unlink that nobody waits for any more may still take a chunk that a file needs by then and that a copy has put there.
 * So as long as one is under way no chunk of its store becomes known, and behind its end every file that needs one of its
 * chunks is owed a verification there.
 */
import type { Catalog } from '#libs/catalog';
import type { ChunkId, Clock, FileId, StoreId } from '#libs/kernel';
import { StoreError } from '#libs/kernel';
import type { Store } from '#libs/stores';
import type { Log } from '#libs/telemetry';
import { inTime } from './in-time.js';

/** Uploads of the same bytes wait this long at most for a replica that does not answer. */
const UNLINK_TIMEOUT_MS = 5_000;

export interface ReplicaGarbageOptions {
  readonly replicas: readonly { readonly storeId: StoreId; readonly name: string }[];
  /** Throws where the replica is not there, or is another store. */
  readonly open: (storeId: StoreId) => Promise<Store>;
  readonly catalog: Catalog;
  /** Called when something is owed. */
  readonly wake: () => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly timeoutMs?: number;
}

export class ReplicaGarbage {
  readonly #options: ReplicaGarbageOptions;
  /** Those that did not answer, or could not be reached, in the pass under way. */
  readonly #silent = new Set<StoreId>();

  constructor(options: ReplicaGarbageOptions) {
    this.#options = options;
  }

  get storeIds(): readonly StoreId[] {
    return this.#options.replicas.map(({ storeId }) => storeId);
  }

  /** Every replica is asked again. */
  beginPass(): void {
    this.#silent.clear();
  }

  /** Not one that has been silent in this pass, nor one that has an unlink of an earlier pass unanswered. */
  mayBeAsked(storeId: StoreId): boolean {
    return !this.#silent.has(storeId) && !this.#options.catalog.unknownChunks.isUnlinking(storeId);
  }

  /** Unlinks the chunks on every replica that may be asked. Never throws for what a replica does. */
  async remove(chunkIds: readonly ChunkId[]): Promise<void> {
    const { catalog, clock } = this.#options;
    catalog.unknownChunks.note(this.storeIds, chunkIds, clock.now());
    const asked = this.storeIds.filter((storeId) => this.mayBeAsked(storeId));
    await Promise.all(asked.map((storeId) => this.removeUnknown(storeId, chunkIds)));
  }

  /** Unlinks chunks that are unknown there. */
  async removeUnknown(storeId: StoreId, chunkIds: readonly ChunkId[]): Promise<void> {
    if (chunkIds.length === 0) return;
    const { log } = this.#options;
    const { unknownChunks } = this.#options.catalog;
    const ended = unknownChunks.beginUnlink(storeId);
    const unlink = this.#unlink(storeId, chunkIds).finally(ended);
    try {
      // A failure behind the time-out is nobody's: the chunks are unknown already.
      await inTime(unlink, this.#options.timeoutMs ?? UNLINK_TIMEOUT_MS);
      unknownChunks.forget(storeId, chunkIds);
    } catch (error) {
      log.debug({ store_id: storeId, chunks: chunkIds.length, err: error }, 'garbage of a replica is unknown now');
      // What a directory says of one of its own is no fault of the place: the next page may fare better.
      if (StoreError.is(error)) this.#silent.add(storeId);
      const verify = (): void => this.#verifyNeeded(storeId, chunkIds);
      unlink.then(verify, verify);
    }
  }

  /** For chunks that are unknown there and needed: owes what an earlier process, or a change meanwhile, has left unowed. */
  doubt(storeId: StoreId, chunkIds: readonly ChunkId[]): void {
    const { obligations, unknownChunks } = this.#options.catalog;
    // Behind its end they are looked at again.
    if (unknownChunks.isUnlinking(storeId)) return;
    const isConfirmed = (fileId: FileId): boolean =>
      obligations.of(fileId).some((obligation) => obligation.storeId === storeId && obligation.state === 'done');
    this.#owe(storeId, this.#filesThatNeed(chunkIds).filter(isConfirmed));
  }

  /** A new order: an answer to the one before may be about what stood there before the unlink. */
  #verifyNeeded(storeId: StoreId, chunkIds: readonly ChunkId[]): void {
    try {
      this.#owe(storeId, this.#filesThatNeed(chunkIds));
    } catch (error) {
      // The rows stand, so the next pass looks at them again.
      this.#options.log.warn({ store_id: storeId, err: error }, 'a verification could not be owed; it will be');
    }
  }

  /** One for each chunk: its copy puts the chunk for all of them. */
  #filesThatNeed(chunkIds: readonly ChunkId[]): FileId[] {
    const { catalog } = this.#options;
    return [...new Set(chunkIds.flatMap((chunkId) => catalog.filesOfChunk(chunkId, { after: undefined, limit: 1 })))];
  }

  #owe(storeId: StoreId, fileIds: readonly FileId[]): void {
    const { catalog, clock, wake } = this.#options;
    if (fileIds.length === 0) return;
    catalog.obligations.oweAnew({ fileIds, storeId, operation: 'verify', nowMs: clock.now() });
    wake();
  }

  async #unlink(storeId: StoreId, chunkIds: readonly ChunkId[]): Promise<void> {
    const store = await this.#options.open(storeId);
    await store.deleteAll(chunkIds.map((id) => ({ kind: 'chunk', id })));
  }
}
