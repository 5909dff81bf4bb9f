/**
 * A fixed number of bytes shared by many streams. A stream waits for its first share, in turn, and is then sure of
 * progress; every further share is taken only if it is free now and nobody waits, so streams that hold one share and
 * want another can never starve each other in a circle.
 */
import { StoreError } from './store-error.js';

interface Waiter {
  readonly bytes: number;
  readonly grant: () => void;
}

export class ByteBudget {
  readonly #totalBytes: number;
  #freeBytes: number;
  readonly #waiters: Waiter[] = [];

  constructor(totalBytes: number) {
    this.#totalBytes = totalBytes;
    this.#freeBytes = totalBytes;
  }

  get usedBytes(): number {
    return this.#totalBytes - this.#freeBytes;
  }

  /** Takes `bytes` when it is this caller's turn. Throws `overloaded` after `waitMs`. */
  async take(bytes: number, waitMs: number): Promise<ByteShare> {
    if (bytes > this.#totalBytes) throw new RangeError(`a share of ${bytes} exceeds the budget of ${this.#totalBytes}`);
    const share = this.tryTake(bytes);
    if (share !== undefined) return share;
    return this.#enqueue(bytes, waitMs);
  }

  /** Takes `bytes` if they are free and nobody waits for a first share; else undefined. */
  tryTake(bytes: number): ByteShare | undefined {
    if (this.#waiters.length > 0 || bytes > this.#freeBytes) return undefined;
    this.#freeBytes -= bytes;
    return new ByteShare(bytes, (returned) => this.#giveBack(returned));
  }

  #enqueue(bytes: number, waitMs: number): Promise<ByteShare> {
    const { promise, resolve, reject } = Promise.withResolvers<ByteShare>();
    const timer = setTimeout(() => {
      this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
      this.#serveWaiters();
      reject(
        new StoreError('overloaded', 'All transfer buffers are in use; try again shortly.', {
          context: { retry_after_seconds: 1 },
        }),
      );
    }, waitMs);
    const waiter: Waiter = {
      bytes,
      grant: () => {
        clearTimeout(timer);
        resolve(new ByteShare(bytes, (returned) => this.#giveBack(returned)));
      },
    };
    this.#waiters.push(waiter);
    return promise;
  }

  #giveBack(bytes: number): void {
    this.#freeBytes += bytes;
    this.#serveWaiters();
  }

  #serveWaiters(): void {
    for (
      let first = this.#waiters[0];
      first !== undefined && first.bytes <= this.#freeBytes;
      first = this.#waiters[0]
    ) {
      this.#waiters.shift();
      this.#freeBytes -= first.bytes;
      first.grant();
    }
  }
}

/** Bytes taken from a budget; `release` may be called more than once and gives them back once. */
export class ByteShare {
  #bytes: number;
  readonly #giveBack: (bytes: number) => void;

  constructor(bytes: number, giveBack: (bytes: number) => void) {
    this.#bytes = bytes;
    this.#giveBack = giveBack;
  }

  release(): void {
    const bytes = this.#bytes;
    this.#bytes = 0;
    if (bytes > 0) this.#giveBack(bytes);
  }
}
