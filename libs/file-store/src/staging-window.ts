/**
 * The chunks of one upload on their way to staging: each is written and synced while the next one fills. One buffer is
 * certain, more are used while there is room, so a slow disk pauses the socket and memory stays within the budget.
 */
import { FileDigest } from '#libs/stores';
import type { PrimaryStore, StagedChunk } from '#libs/stores';
import type { SpaceClaim } from './disk-reserve.js';
import type { TransferBuffer, TransferBuffers } from './transfer-buffers.js';

/** Buffers one upload may hold: one fills while the others are written. */
const MAX_BUFFERS = 4;

export interface StagingWindowOptions {
  readonly primary: PrimaryStore;
  readonly buffers: TransferBuffers;
  readonly space: SpaceClaim;
  readonly chunkSizeBytes: number;
}

export class StagingWindow {
  readonly #primary: PrimaryStore;
  readonly #buffers: TransferBuffers;
  readonly #space: SpaceClaim;
  readonly #chunkSizeBytes: number;
  readonly #taken: TransferBuffer[] = [];
  readonly #free: TransferBuffer[] = [];
  /** In the order of the file. */
  readonly #staging: Promise<StagedChunk>[] = [];
  readonly #unsettled = new Set<Promise<StagedChunk>>();
  readonly #digest = new FileDigest();

  constructor({ primary, buffers, space, chunkSizeBytes }: StagingWindowOptions) {
    this.#primary = primary;
    this.#buffers = buffers;
    this.#space = space;
    this.#chunkSizeBytes = chunkSizeBytes;
  }

  /** The upload's first buffer, of `sizeBytes`. Throws `overloaded`. */
  async firstBuffer(sizeBytes: number): Promise<TransferBuffer> {
    const buffer = await this.#buffers.take(sizeBytes);
    this.#taken.push(buffer);
    return buffer;
  }

  /** A buffer for the next chunk, at once or when one has been staged. Throws `disk_reserve`, or why a staging failed. */
  async nextBuffer(): Promise<TransferBuffer> {
    await this.#space.spend(this.#chunkSizeBytes);
    for (;;) {
      const buffer = this.#free.pop() ?? this.#oneMore();
      if (buffer !== undefined) return buffer;
      await Promise.race(this.#unsettled);
    }
  }

  /** Starts to stage the first `lengthBytes` of `buffer`, which is this window's again. */
  stage(buffer: TransferBuffer, lengthBytes: number): void {
    const staging = this.#primary.staging.stage(buffer.bytes.subarray(0, lengthBytes), this.#digest);
    this.#staging.push(staging);
    this.#unsettled.add(staging);
    const settled = (): void => {
      this.#unsettled.delete(staging);
      this.#free.push(buffer);
    };
    // A failed one stays among the unsettled, where the next `nextBuffer` or `all` meets it.
    staging.then(settled, () => undefined);
  }

  /** All chunks, staged and synced, and the SHA-256 of them together, in hexadecimal; once. */
  async all(): Promise<{ readonly staged: readonly StagedChunk[]; readonly sha256: string }> {
    const staged = await Promise.all(this.#staging);
    return { staged, sha256: await this.#digest.end() };
  }

  /** Waits for what is under way, then gives the memory back; answers with what was staged. Never throws. */
  async dispose(): Promise<readonly StagedChunk[]> {
    const outcomes = await Promise.allSettled(this.#staging);
    for (const buffer of this.#taken) buffer.release();
    this.#digest.abandon();
    return outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
  }

  #oneMore(): TransferBuffer | undefined {
    if (this.#taken.length >= MAX_BUFFERS) return undefined;
    const buffer = this.#buffers.tryTake(this.#chunkSizeBytes);
    if (buffer !== undefined) this.#taken.push(buffer);
    return buffer;
  }
}
