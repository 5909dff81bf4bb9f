/** Stands where libs/transfer will: the same constructors, and every job is answered as failed. */
import type { Job, JobHandler, JobResult } from '#libs/job-queue';
import type { Clock, ClusterId } from '#libs/kernel';
import type { StorePlace } from '#libs/stores';

export class StoreOpener {
  readonly places: readonly StorePlace[];

  constructor({ places }: { readonly places: readonly StorePlace[]; readonly clusterId: ClusterId }) {
    this.places = places;
  }
}

export class JobRunner {
  readonly #clock: Clock;

  constructor({ clock }: { readonly stores: StoreOpener; readonly clock: Clock }) {
    this.#clock = clock;
  }

  readonly run: JobHandler = (job: Job): Promise<JobResult> => {
    const { jobId, catalogId, operation, sourceId, targetId } = job;
    const error = { code: 'not_implemented', message: 'There is no transfer.' };
    const items = job.items.map(({ fileId, generation }) => ({
      fileId,
      generation,
      outcome: 'failed' as const,
      error,
    }));
    const finishedAtMs = this.#clock.now();
    return Promise.resolve({ jobId, catalogId, operation, sourceId, targetId, items, finishedAtMs, durationMs: 0 });
  };
}
