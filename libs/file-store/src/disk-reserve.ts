/**
 * Keeps `DISK_RESERVE` free on the disks of the log and the primary, so that deletes and apply always have room. The
 * free space is asked for at most every `MAX_AGE_MS`; what uploads are still going to write is counted here.
 */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError } from '#libs/kernel';
import type { Clock } from '#libs/kernel';

const MAX_AGE_MS = 250;

export interface DiskReserveOptions {
  readonly fs: FileSystem;
  readonly clock: Clock;
  readonly paths: readonly string[];
  readonly reserveBytes: number;
}

/** Disk space that an upload is still going to use. */
export interface SpaceClaim {
  /** `bytes` of the claim are about to be written. Throws `disk_reserve` where the disk has filled up meanwhile. */
  spend(bytes: number): Promise<void>;
  release(): void;
}

export class DiskReserve {
  readonly #options: DiskReserveOptions;
  #freeBytes = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #claimedBytes = 0;

  constructor(options: DiskReserveOptions) {
    this.#options = options;
  }

  /** Claims `bytes`, 0 where the length is not known. Throws `disk_reserve` where they would eat into the reserve. */
  async claim(bytes: number): Promise<SpaceClaim> {
    await this.#refresh();
    this.#assertRoom(bytes);
    this.#claimedBytes += bytes;
    let left = bytes;
    const reduce = (by: number): void => {
      const spent = Math.min(by, left);
      left -= spent;
      this.#claimedBytes -= spent;
    };
    return {
      spend: async (spent) => {
        reduce(spent);
        await this.#refresh();
        this.#assertRoom(spent);
      },
      release: () => reduce(left),
    };
  }

  #assertRoom(bytes: number): void {
    const { reserveBytes } = this.#options;
    if (this.#freeBytes >= reserveBytes + this.#claimedBytes + bytes) return;
    throw new StoreError('disk_reserve', 'The disk is full up to its reserve; delete files or add space.', {
      context: { free_bytes: this.#freeBytes, reserve_bytes: reserveBytes },
    });
  }

  async #refresh(): Promise<void> {
    const { fs, clock, paths } = this.#options;
    const now = clock.now();
    // The distance, not the difference: where the clock goes backwards an old answer must not last.
    if (Math.abs(now - this.#askedAtMs) >= MAX_AGE_MS) {
      this.#freeBytes = Math.min(...(await Promise.all(paths.map((path) => fs.freeBytes(path)))));
      this.#askedAtMs = now;
    }
  }
}
