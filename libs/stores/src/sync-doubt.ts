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
  #isRaised = false;

  get isRaised(): boolean {
    return this.#isRaised;
  }

  /** Does a sync, of whatever it is, and remembers whether it failed. */
  async watch(sync: () => Promise<void>): Promise<void> {
    try {
      await sync();
    } catch (error) {
      if (!NEVER_ASKED.has(systemErrorCode(error) ?? '')) this.#isRaised = true;
      throw error;
    }
  }
}
