/**
 * What a store remembers of a sync that failed: from then on, until the process ends, only what is put anew is believed. A
 * name whose sync failed is still shown, and a later sync of its directory says yes without having written it.
 *
 * Nothing ends it sooner. A job that goes well afterwards speaks for what it has put itself, and an object that the failed
 * one has left may be a chunk of any file.
 */
import { systemErrorCode } from '#libs/kernel';

/** Nothing was synced, so nothing was lost: the place is gone, or there is no such program. */
const NEVER_ASKED: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ENOSYS']);

export class SyncDoubt {
  #failures = 0;

  get isRaised(): boolean {
    return this.#failures > 0;
  }

  /** To be taken before a name is made, and handed to `assertNoneSince` behind the sync of it. */
  mark(): number {
    return this.#failures;
  }

  /**
   * Throws where a sync has failed since, whoever asked for it: it may have taken the name along, and the sync behind it
   * said yes to nothing.
   */
  assertNoneSince(mark: number): void {
    if (this.#failures === mark) return;
    throw Object.assign(new Error('EIO: a sync of this store failed meanwhile'), { code: 'EIO', syscall: 'fsync' });
  }

  raise(): void {
    this.#failures += 1;
  }

  /** Does a sync, of whatever it is, and remembers whether it failed. */
  async watch(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (error) {
      if (!NEVER_ASKED.has(systemErrorCode(error) ?? '')) this.raise();
      throw error;
    }
  }
}
