/**
 * What is due becomes jobs: one operation and one source a job, at most so many files and bytes, large files alone, so
 * that no small one waits behind them. Pure. What asks for the same has the same id, so that a queue that has it still
 * takes it once.
 */
import { JOB_VERSION, MAX_JOB_BYTES } from '#libs/job-queue';
import type { Job, JobItem } from '#libs/job-queue';
import type { DueObligation } from '#libs/catalog';
import type { CatalogId, ClusterId, StoreId } from '#libs/kernel';
import { createHash } from 'node:crypto';

/** A file of this size or more has a job of its own. */
const LARGE_FILE_BYTES = 16 * 1024 * 1024;

/** The deadline is for a worker that is alive and slow; the first attempt gives it this long, each further one twice that. */
const DEADLINE_BASE_MS = 120_000;
const DEADLINE_PER_ITEM_MS = 100;
const FLOOR_BYTES_PER_MS = 4 * 1024;
const MAX_DEADLINE_DOUBLINGS = 5;

export interface PlannedItem extends DueObligation {
  readonly sourceId: StoreId;
  readonly distrustChunks: boolean;
  /** How many files its job may have. */
  readonly togetherAtMost: number;
}

export interface Plan {
  /** In the order in which they should be done. */
  readonly items: readonly PlannedItem[];
  readonly catalogId: CatalogId;
  readonly clusterId: ClusterId;
  readonly targetId: StoreId;
  readonly nowMs: number;
  readonly maxJobs: number;
}

interface OpenJob {
  readonly items: PlannedItem[];
  bytes: number;
}

/** What does not fit into `maxJobs` is left out. */
export function planJobs({ items, maxJobs, ...plan }: Plan): Job[] {
  const jobs: OpenJob[] = [];
  const fillable = new Map<string, OpenJob>();
  for (const item of items) {
    const isLarge = item.sizeBytes >= LARGE_FILE_BYTES && item.operation !== 'delete';
    const { togetherAtMost } = item;
    const kind = `${item.operation} ${item.sourceId} ${togetherAtMost}`;
    let job = isLarge ? undefined : fillable.get(kind);
    if (job === undefined || job.items.length === togetherAtMost || job.bytes + item.sizeBytes > MAX_JOB_BYTES) {
      if (jobs.length === maxJobs) continue;
      job = { items: [], bytes: 0 };
      jobs.push(job);
      if (!isLarge) fillable.set(kind, job);
    }
    job.items.push(item);
    job.bytes += item.sizeBytes;
  }
  return jobs.map((job) => jobOf(job, plan));
}

function jobOf(
  { items, bytes }: OpenJob,
  { catalogId, clusterId, targetId, nowMs }: Omit<Plan, 'items' | 'maxJobs'>,
): Job {
  const { operation, sourceId } = items[0]!;
  const asked = items.map(({ fileId, generation, attempts }) => [fileId, generation, attempts]);
  const digest = createHash('sha256')
    .update(JSON.stringify([JOB_VERSION, catalogId, targetId, sourceId, operation, asked]))
    .digest('base64url');
  const attempts = Math.max(...items.map((item) => item.attempts));
  const patienceMs = DEADLINE_BASE_MS + items.length * DEADLINE_PER_ITEM_MS + bytes / FLOOR_BYTES_PER_MS;
  return {
    jobId: `${operation}-${digest}`,
    clusterId,
    catalogId,
    operation,
    sourceId,
    targetId,
    deadlineMs: nowMs + Math.ceil(patienceMs * 2 ** Math.min(attempts, MAX_DEADLINE_DOUBLINGS)),
    items: items.map(itemOf),
  };
}

function itemOf({ fileId, generation, sizeBytes, distrustChunks }: PlannedItem): JobItem {
  const item = { fileId, generation, sizeBytes };
  return distrustChunks ? { ...item, distrustChunks } : item;
}
