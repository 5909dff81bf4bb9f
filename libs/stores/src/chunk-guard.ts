/**
 * Keeps the collection of a chunk and its use apart. A chunk is named by its content, so the very chunk that is about to
 * be collected may be uploaded again: without this its file could be acknowledged after the rename and before the unlink.
 *
 *   pin      counted from before an upload's renames until its record is applied (then the catalog has the reference),
 *            and for as long as a download needs the chunk; a pinned chunk is not collected
 *   chunk lock   held by a collection from its look at the references to its last unlink; a pin waits for it
 *
 * Both live in memory: a chunk of a stopped process is either referenced by what the log replays, or garbage.
 */
import type { ChunkId, FileId } from '#libs/kernel';

/** The file that an upload makes, or the symbol of one download. */
export type PinOwner = FileId | symbol;

/** Remembered of uploads that failed; the sweep finds the others. */
const MAX_ABANDONED_CHUNKS = 16_384;

const NONE: ReadonlySet<ChunkId> = new Set();

export class ChunkGuard {
  readonly #pinCounts = new Map<ChunkId, number>();
  readonly #owned = new Map<PinOwner, readonly ChunkId[]>();
  readonly #abandoned: ChunkId[] = [];
  #locked = NONE;
  #collection: Promise<void> | undefined;

  /** Resolves when no collection has hold of any of these chunks, and none will until `unpin`. */
  async pin(owner: PinOwner, chunkIds: readonly ChunkId[]): Promise<void> {
    // Counted before the wait: a collection that starts meanwhile must find them.
    this.#owned.set(owner, [...(this.#owned.get(owner) ?? []), ...chunkIds]);
    for (const chunkId of chunkIds) this.#pinCounts.set(chunkId, (this.#pinCounts.get(chunkId) ?? 0) + 1);
    if (this.#locked.size > 0 && chunkIds.some((chunkId) => this.#locked.has(chunkId))) await this.#collection;
  }

  /** Ends all pins of an owner; one without any is no error. */
  unpin(owner: PinOwner): void {
    for (const chunkId of this.#owned.get(owner) ?? []) {
      const count = this.#pinCounts.get(chunkId)! - 1;
      if (count === 0) this.#pinCounts.delete(chunkId);
      else this.#pinCounts.set(chunkId, count);
    }
    this.#owned.delete(owner);
  }

  /** Ends the pins of an upload that stored nothing, for certain, and remembers its chunks: they may be orphans. */
  abandon(owner: FileId): void {
    const room = MAX_ABANDONED_CHUNKS - this.#abandoned.length;
    this.#abandoned.push(...(this.#owned.get(owner) ?? []).slice(0, room));
    this.unpin(owner);
  }

  /** Up to `limit` chunks of abandoned uploads, each told once. */
  takeAbandoned(limit: number): ChunkId[] {
    return this.#abandoned.splice(0, limit);
  }

  isPinned(chunkId: ChunkId): boolean {
    return this.#pinCounts.has(chunkId);
  }

  /**
   * Runs `task` with those of the chunks that are not pinned, and keeps new pins of them waiting until it has ended, also
   * where it fails. One collection runs at a time. `task` is called in the turn in which the pins were looked at.
   */
  async collect<Result>(
    chunkIds: readonly ChunkId[],
    task: (unpinned: readonly ChunkId[]) => Promise<Result>,
  ): Promise<Result> {
    while (this.#collection !== undefined) await this.#collection;
    const { promise, resolve } = Promise.withResolvers<void>();
    const unpinned = chunkIds.filter((chunkId) => !this.isPinned(chunkId));
    this.#collection = promise;
    this.#locked = new Set(unpinned);
    try {
      return await task(unpinned);
    } finally {
      this.#locked = NONE;
      this.#collection = undefined;
      resolve();
    }
  }
}
