/** Jobs that name files and stores which nobody has. */
import { newFileId, newUuid } from '#libs/kernel';
import type { CatalogId, ClusterId, StoreId } from '#libs/kernel';
import type { Job, JobResult } from '../../src/job.js';

export const TEST_CLUSTER = '11111111-2222-4333-8444-555555555555' as ClusterId;
const CATALOG = '21111111-2222-4333-8444-555555555555' as CatalogId;
const SOURCE = '31111111-2222-4333-8444-555555555555' as StoreId;

export interface TestJobOptions {
  readonly clusterId?: ClusterId;
  readonly items?: number;
}

export function testJob(jobId: string, { clusterId = TEST_CLUSTER, items = 2 }: TestJobOptions = {}): Job {
  return {
    jobId,
    clusterId,
    catalogId: CATALOG,
    operation: 'copy',
    sourceId: SOURCE,
    targetId: newUuid<StoreId>(),
    deadlineMs: 4_000_000_000_000,
    items: Array.from({ length: items }, (_, index) => ({
      fileId: newFileId(1_700_000_000_000 + index),
      generation: index + 1,
      sizeBytes: 1_000,
    })),
  };
}

export function doneResult(job: Job): JobResult {
  const { jobId, catalogId, operation, sourceId, targetId } = job;
  const items = job.items.map(({ fileId, generation }) => ({ fileId, generation, outcome: 'done' as const }));
  return { jobId, catalogId, operation, sourceId, targetId, items, finishedAtMs: 1_700_000_000_000, durationMs: 1 };
}
