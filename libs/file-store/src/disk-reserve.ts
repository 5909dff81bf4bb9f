/**
 * Keeps `DISK_RESERVE` and some inodes free on the disks of the log, the primary and the catalog, so that deletes and apply
 * always have room. What is free is asked for at most every `MAX_AGE_MS`; what uploads are still going to write is counted
 * here. Inodes of uploads under way are not: the reserve of them is far more than can be taken between two answers.
 */
import type { FileSystem } from '#libs/durable-fs';
import { StoreError, systemErrorCode } from '#libs/kernel';
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

/** A disk that has no more than what is kept of it: uploads are refused. */
export interface FullDisk {
  /** Of the directory that must have room. */
  readonly path: string;
  readonly lacks: 'bytes' | 'inodes';
  readonly free: number;
  readonly reserved: number;
}

interface Room {
  readonly path: string;
  readonly freeBytes: number;
  readonly freeFiles: number;
}

/** Disk space that an upload is still going to use. */
export interface SpaceClaim {
  /** `bytes` of the claim are about to be written. Throws `disk_reserve` where the disk has filled up meanwhile. */
  spend(bytes: number): Promise<void>;
  release(): void;
}

export class DiskReserve {
  readonly #options: DiskReserveOptions;
  #rooms: readonly Room[] = [];
  /** The least of them. */
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

  /** Each directory whose disk is down to its reserve at this moment; nothing of disks that cannot be asked. */
  async fullDisks(): Promise<FullDisk[]> {
    try {
      await this.#refresh();
    } catch (error) {
      // A disk that is gone is not full, and whoever asks wants to hear of everything else.
      if (systemErrorCode(error) === undefined) throw error;
      return [];
    }
    return this.#rooms.flatMap((room) => this.#shortageOf(room) ?? []);
  }

  #shortageOf({ path, freeBytes, freeFiles }: Room): FullDisk | undefined {
    const { reserveBytes } = this.#options;
    if (freeBytes < reserveBytes + this.#claimedBytes) {
      return { path, lacks: 'bytes', free: freeBytes, reserved: reserveBytes };
    }
    if (reserveBytes === 0 || freeFiles >= RESERVED_FILES) return undefined;
    return { path, lacks: 'inodes', free: freeFiles, reserved: RESERVED_FILES };
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
    this.#rooms = await Promise.all(
      paths.map(async (path): Promise<Room> => {
        const [freeBytes, freeFiles] = await Promise.all([fs.freeBytes(path), fs.freeFiles(path)]);
        return { path, freeBytes, freeFiles };
      }),
    );
    this.#freeBytes = Math.min(...this.#rooms.map(({ freeBytes }) => freeBytes));
    this.#freeFiles = Math.min(...this.#rooms.map(({ freeFiles }) => freeFiles));
    this.#askedAtMs = nowMs;
  }
}
