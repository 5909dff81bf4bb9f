/**
 * The memory of all transfers, uploads and downloads together: chunk-sized buffers under one budget, reused, because a
 * fresh megabyte costs the kernel's zeroing each time and leaves its return to the garbage collector.
 * They are cut from one piece, so that all of them begin at a page, as far as the length of a chunk is one of pages,
 * and shared with the thread that digests chunks.
 */
import { ByteBudget, sharedPageAlignedBuffer } from '#libs/kernel';
import type { ByteShare } from '#libs/kernel';

export interface TransferBuffer {
  readonly bytes: Buffer;
  /** Gives the memory back; nothing may touch `bytes` afterwards. Safe to call twice. */
  release(): void;
}

export class TransferBuffers {
  readonly #budget: ByteBudget;
  readonly #budgetBytes: number;
  readonly #pooledSizeBytes: number;
  readonly #waitMs: number;
  readonly #free: Buffer[] = [];
  /** Takes up memory only as far as it has been used. */
  readonly #arena: Buffer;
  #arenaUsedBytes = 0;

  constructor(options: { budgetBytes: number; pooledSizeBytes: number; waitMs: number }) {
    this.#budget = new ByteBudget(options.budgetBytes);
    this.#budgetBytes = options.budgetBytes;
    this.#pooledSizeBytes = options.pooledSizeBytes;
    this.#waitMs = options.waitMs;
    this.#arena = sharedPageAlignedBuffer(options.budgetBytes);
  }

  /** A stream's first buffer, in turn. Throws `overloaded` when none came free in time. */
  async take(sizeBytes: number): Promise<TransferBuffer> {
    return this.#lend(await this.#budget.take(this.#charge(sizeBytes), this.#waitMs), sizeBytes);
  }

  /** One more buffer for a stream that has one, if there is room now. */
  tryTake(sizeBytes: number): TransferBuffer | undefined {
    const share = this.#budget.tryTake(this.#charge(sizeBytes));
    return share === undefined ? undefined : this.#lend(share, sizeBytes);
  }

  get usedBytes(): number {
    return this.#budget.usedBytes;
  }

  /** A chunk written under a larger CHUNK_SIZE may exceed the whole budget; it then takes all of it. */
  #charge(sizeBytes: number): number {
    return Math.min(sizeBytes, this.#budgetBytes);
  }

  #lend(share: ByteShare, sizeBytes: number): TransferBuffer {
    const pooled = sizeBytes === this.#pooledSizeBytes;
    const bytes = pooled ? (this.#free.pop() ?? this.#cut(sizeBytes)) : Buffer.allocUnsafeSlow(sizeBytes);
    let lent = true;
    const release = (): void => {
      if (!lent) return;
      lent = false;
      if (pooled) this.#free.push(bytes);
      share.release();
    };
    return { bytes, release };
  }

  /** The budget sees to it that there is room: no more than what it holds is ever lent at once. */
  #cut(sizeBytes: number): Buffer {
    const start = this.#arenaUsedBytes;
    this.#arenaUsedBytes += sizeBytes;
    return this.#arena.subarray(start, this.#arenaUsedBytes);
  }
}
