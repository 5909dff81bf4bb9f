/** Uploads that wait until so many replicas hold their file. */
import type { FileId } from '#libs/kernel';
import type { Timers } from './timers.js';

export interface CopyWait {
  readonly fileId: FileId;
  readonly count: number;
  readonly timeoutMs: number;
}

export class CopyWaiters {
  readonly #timers: Timers;
  readonly #copiesOf: (fileId: FileId) => number;
  readonly #waiting = new Map<FileId, Set<() => void>>();
  #isEnded = false;

  constructor(timers: Timers, copiesOf: (fileId: FileId) => number) {
    this.#timers = timers;
    this.#copiesOf = copiesOf;
  }

  /** Resolves with the copies there are when they are enough, at the time-out, and when replication stops. */
  async wait({ fileId, count, timeoutMs }: CopyWait): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = (): void => {
      if (this.#isEnded || this.#copiesOf(fileId) >= count) resolve();
    };
    const looks = this.#waiting.get(fileId) ?? new Set();
    this.#waiting.set(fileId, looks.add(look));
    const cancelTimer = this.#timers.after(timeoutMs, resolve);
    look();
    try {
      await promise;
    } finally {
      cancelTimer();
      looks.delete(look);
      if (looks.size === 0 && this.#waiting.get(fileId) === looks) this.#waiting.delete(fileId);
    }
    return this.#copiesOf(fileId);
  }

  confirmed(fileId: FileId): void {
    for (const look of this.#waiting.get(fileId) ?? []) look();
  }

  end(): void {
    this.#isEnded = true;
    for (const looks of this.#waiting.values()) for (const look of looks) look();
  }
}
