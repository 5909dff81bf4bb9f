/** What has become of each file of a job. A file is settled once; what is pending when a job ends failed with it. */
import { StoreError, systemErrorCode } from '#libs/kernel';
import type { FileId } from '#libs/kernel';
import type { ItemResult, JobError, JobItem } from '#libs/job-queue';

type Verdict = Pick<ItemResult, 'outcome' | 'error'>;

export class Verdicts {
  readonly #items: readonly JobItem[];
  readonly #settled = new Map<FileId, Verdict>();

  constructor(items: readonly JobItem[]) {
    this.#items = items;
  }

  done(fileId: FileId): void {
    this.#settle(fileId, { outcome: 'done' });
  }

  superseded(fileId: FileId): void {
    this.#settle(fileId, { outcome: 'superseded' });
  }

  failed(fileId: FileId, error: unknown): void {
    this.#settle(fileId, { outcome: 'failed', error: jobError(error) });
  }

  pendingFail(error: unknown): void {
    for (const { fileId } of this.#items) if (!this.#settled.has(fileId)) this.failed(fileId, error);
  }

  /** In the order of the job; every file is settled by then. */
  results(): ItemResult[] {
    return this.#items.map(({ fileId, generation }) => ({ fileId, generation, ...this.#settled.get(fileId)! }));
  }

  #settle(fileId: FileId, verdict: Verdict): void {
    if (!this.#settled.has(fileId)) this.#settled.set(fileId, verdict);
  }
}

export function jobError(error: unknown): JobError {
  const code = StoreError.is(error) ? error.code : (systemErrorCode(error) ?? 'internal');
  return { code, message: error instanceof Error ? error.message : String(error) };
}
