/**
 * The idempotency keys of uploads under way. The catalog knows the key of every file; here are those that it cannot know
 * yet. A key is taken in the turn in which the catalog was asked for it, so that of two uploads under one key the second
 * meets the first either here or there. Where an outcome is unknown the key is never given back: the record may still be
 * applied later, and the next process finds out.
 */
import { StoreError } from '#libs/kernel';

const RETRY_AFTER_SECONDS = 1;

export class UploadKeys {
  readonly #underWay = new Set<string>();

  /** Throws `idempotency_conflict` where an upload has it. */
  take(key: string): void {
    if (this.#underWay.has(key)) {
      throw new StoreError(
        'idempotency_conflict',
        'An upload with this Idempotency-Key is under way; ask again for its answer.',
        { context: { retry_after_seconds: RETRY_AFTER_SECONDS } },
      );
    }
    this.#underWay.add(key);
  }

  giveBack(key: string): void {
    this.#underWay.delete(key);
  }
}
