/**
 * The memory of all transfers, uploads and downloads together: chunk-sized buffers under one budget, reused, because a
 * fresh megabyte costs the kernel's zeroing each time and leaves its return to the garbage collector.
 */
import { ByteBudget } from '#libs/kernel';
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

  constructor(options: { budgetBytes: number; pooledSizeBytes: number; waitMs: number }) {
    this.#budget = new ByteBudget(options.budgetBytes);
    this.#budgetBytes = options.budgetBytes;
    this.#pooledSizeBytes = options.pooledSizeBytes;
    this.#waitMs = options.waitMs;
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
    const bytes = (pooled ? this.#free.pop() : undefined) ?? Buffer.allocUnsafeSlow(sizeBytes);
    let lent = true;
    const release = (): void => {
      if (!lent) return;
      lent = false;
      if (pooled) this.#free.push(bytes);
      share.release();
    };
    return { bytes, release };
  }
}
