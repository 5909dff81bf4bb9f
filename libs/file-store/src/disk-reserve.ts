/**
 * Keeps `DISK_RESERVE` and some inodes free on the disks of the log, the primary and the catalog, so that deletes and apply
 * always have room. What is free is asked for at most every `MAX_AGE_MS`; what uploads are still going to write is counted
 * here. Inodes of uploads under way are not: the reserve of them is far more than can be taken between two answers.
 */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError } from '#libs/kernel';
import type { Clock } from '#libs/kernel';

const MAX_AGE_MS = 250;
/** A delete takes one for a moment, and gives back more. Without a reserve of bytes there is none of inodes. */
const RESERVED_FILES = 4096;

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
  #freeFiles = 0;
  #askedAtMs = Number.NEGATIVE_INFINITY;
  #claimedBytes = 0;
  #asking: Promise<void> | undefined;

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
    if (this.#freeBytes < reserveBytes + this.#claimedBytes + bytes) {
      throw new StoreError('disk_reserve', 'The disk is full up to its reserve; delete files or add space.', {
        context: { free_bytes: this.#freeBytes, reserve_bytes: reserveBytes },
      });
    }
    if (reserveBytes > 0 && this.#freeFiles < RESERVED_FILES) {
      throw new StoreError('disk_reserve', 'The disk has no inodes beyond its reserve; delete files.', {
        context: { free_files: this.#freeFiles, reserve_files: RESERVED_FILES },
      });
    }
  }

  async #refresh(): Promise<void> {
    const now = this.#options.clock.now();
    // The distance, not the difference: where the clock goes backwards an old answer must not last.
    if (Math.abs(now - this.#askedAtMs) < MAX_AGE_MS) return;
    // One question for all who find the answer too old at the same time.
    this.#asking ??= this.#ask(now).finally(() => (this.#asking = undefined));
    await this.#asking;
  }

  async #ask(nowMs: number): Promise<void> {
    const { fs, paths } = this.#options;
    const [bytes, files] = await Promise.all([
      Promise.all(paths.map((path) => fs.freeBytes(path))),
      Promise.all(paths.map((path) => fs.freeFiles(path))),
    ]);
    this.#freeBytes = Math.min(...bytes);
    this.#freeFiles = Math.min(...files);
    this.#askedAtMs = nowMs;
  }
}
