/** A job on its way through Redis: snake_case, with the version of its form. */
import type { ClusterId } from '#libs/kernel';
import { JOB_VERSION, MAX_JOB_ITEMS } from './job.js';
import type { Job, JobItem, JobOperation } from './job.js';
import { fileIdIn, integerIn, listIn, objectOf, textIn, uuidIn, wordIn, WireError } from './wire-value.js';

export const OPERATIONS: readonly JobOperation[] = ['copy', 'delete', 'verify', 'repair'];
const JOB_ID = /^[A-Za-z0-9_-]{1,256}$/;
const TRACEPARENT = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/;

export function encodeJob(job: Job): object {
  return {
    v: JOB_VERSION,
    job_id: job.jobId,
    cluster_id: job.clusterId,
    catalog_id: job.catalogId,
    op: job.operation,
    source_id: job.sourceId,
    target_id: job.targetId,
    deadline: job.deadlineMs,
    ...(job.traceparent === undefined ? {} : { traceparent: job.traceparent }),
    items: job.items.map(({ fileId, generation, sizeBytes, distrustChunks }) => ({
      file_id: fileId,
      generation,
      size: sizeBytes,
      ...(distrustChunks === true ? { distrust_chunks: true } : {}),
    })),
  };
}

/** Whether a later version wrote it: then it is not ours to judge, and not ours to do. */
export function isFromLaterVersion(value: unknown): boolean {
  const version = typeof value === 'object' && value !== null && 'v' in value ? value.v : undefined;
  return typeof version === 'number' && version > JOB_VERSION;
}

/** Throws `WireError`. A job of another installation is a bad one: its stores are not ours. */
export function decodeJob(value: unknown, clusterId: ClusterId): Job {
  const json = objectOf(value, 'the job');
  if (json['v'] !== JOB_VERSION) throw new WireError('v is no version of a job');
  const jobId = jobIdIn(json);
  if (uuidIn<ClusterId>(json, 'cluster_id') !== clusterId) throw new WireError('cluster_id is of another installation');
  const traceparent = json['traceparent'];
  return {
    jobId,
    clusterId,
    catalogId: uuidIn(json, 'catalog_id'),
    operation: wordIn(json, 'op', OPERATIONS),
    sourceId: uuidIn(json, 'source_id'),
    targetId: uuidIn(json, 'target_id'),
    deadlineMs: integerIn(json, 'deadline'),
    // A trace is worth no job: what is no trace context is left out.
    ...(typeof traceparent === 'string' && TRACEPARENT.test(traceparent) ? { traceparent } : {}),
    items: listIn(json, 'items', MAX_JOB_ITEMS).map((item) => decodeItem(item)),
  };
}

export function jobIdIn(json: Readonly<Record<string, unknown>>): string {
  const jobId = textIn(json, 'job_id', 256);
  if (!JOB_ID.test(jobId)) throw new WireError('job_id has other characters than letters, digits, _ and -');
  return jobId;
}

function decodeItem(value: unknown): JobItem {
  const json = objectOf(value, 'an item');
  const item = {
    fileId: fileIdIn(json, 'file_id'),
    generation: integerIn(json, 'generation'),
    sizeBytes: integerIn(json, 'size'),
  };
  return json['distrust_chunks'] === true ? { ...item, distrustChunks: true } : item;
}
