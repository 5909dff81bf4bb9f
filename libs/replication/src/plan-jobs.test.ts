import { MAX_JOB_BYTES, MAX_JOB_ITEMS, MAX_JOB_JSON_BYTES } from '#libs/job-queue';
import type { Job } from '#libs/job-queue';
import { newFileId } from '#libs/kernel';
import type { CatalogId, ClusterId, StoreId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { planJobs } from './plan-jobs.js';
import type { Plan, PlannedItem } from './plan-jobs.js';

const SOURCE = '5704e000-0000-4000-8000-000000000000' as StoreId;
const MIB = 1024 * 1024;
const PLAN: Omit<Plan, 'items'> = {
  catalogId: 'ca7a1060-0000-4000-8000-000000000001' as CatalogId,
  clusterId: 'c1057e40-0000-4000-8000-000000000001' as ClusterId,
  targetId: '5704e000-0000-4000-8000-00000000000a' as StoreId,
  nowMs: 1_000_000,
  maxJobs: 100,
};

const item = (changes: Partial<PlannedItem> = {}): PlannedItem => ({
  fileId: newFileId(1),
  operation: 'copy',
  generation: 1,
  attempts: 0,
  sizeBytes: 10,
  sourceId: SOURCE,
  distrustChunks: false,
  togetherAtMost: MAX_JOB_ITEMS,
  ...changes,
});
const many = (count: number, changes: Partial<PlannedItem> = {}): PlannedItem[] =>
  Array.from({ length: count }, () => item(changes));
const plan = (items: readonly PlannedItem[], changes: Partial<Plan> = {}): Job[] =>
  planJobs({ ...PLAN, items, ...changes });
const countsOf = (jobs: readonly Job[]): number[] => jobs.map(({ items }) => items.length);

describe('a plan of jobs', () => {
  it('keeps the order, within the most items that a job may have', () => {
    const items = many(MAX_JOB_ITEMS + 3);
    const jobs = plan(items);
    expect(countsOf(jobs)).toEqual([MAX_JOB_ITEMS, 3]);
    expect(jobs.flatMap((job) => job.items.map(({ fileId }) => fileId))).toEqual(items.map(({ fileId }) => fileId));
  });

  it('keeps a job within its bytes, unless it is one file', () => {
    expect(countsOf(plan(many(9, { sizeBytes: 15 * MIB })))).toEqual([4, 4, 1]);
    const huge = plan([item({ sizeBytes: 5 * MAX_JOB_BYTES }), item()]);
    expect(countsOf(huge)).toEqual([1, 1]);
  });

  it('gives a large file a job of its own, so that the small ones around it do not wait', () => {
    const large = item({ sizeBytes: 16 * MIB });
    const jobs = plan([item(), large, item()]);
    expect(countsOf(jobs)).toEqual([2, 1]);
    expect(jobs[1]!.items[0]!.fileId).toBe(large.fileId);
  });

  it('has no more files in a job than each of them may have beside it, and those that may have all in another', () => {
    const items = [item(), item({ togetherAtMost: 1 }), ...many(4, { togetherAtMost: 3 }), item()];
    const jobs = plan(items);
    expect(countsOf(jobs)).toEqual([2, 1, 3, 1]);
  });

  it('keeps operations and sources apart', () => {
    const other = '5704e000-0000-4000-8000-00000000000b' as StoreId;
    const jobs = plan([item(), item({ operation: 'delete' }), item(), item({ sourceId: other })]);
    expect(jobs.map(({ operation, sourceId, items }) => [operation, sourceId, items.length])).toEqual([
      ['copy', SOURCE, 2],
      ['delete', SOURCE, 1],
      ['copy', other, 1],
    ]);
  });

  it('leaves out what does not fit into the jobs that may be', () => {
    expect(countsOf(plan(many(3 * MAX_JOB_ITEMS), { maxJobs: 2 }))).toEqual([MAX_JOB_ITEMS, MAX_JOB_ITEMS]);
    expect(plan([], { maxJobs: 2 })).toEqual([]);
  });

  it('stays within the bytes of a job’s JSON, at its longest', () => {
    const longest = { generation: 2 ** 53 - 1, sizeBytes: 0, distrustChunks: true };
    const [job] = plan(many(MAX_JOB_ITEMS, longest));
    const text = JSON.stringify(job).replaceAll('"sizeBytes":0', `"size_bytes":${2 ** 53 - 1}`);
    expect(text.length).toBeLessThan(MAX_JOB_JSON_BYTES);
  });

  it('says of which files the chunks are not to be trusted', () => {
    const [job] = plan([item({ distrustChunks: true }), item()]);
    expect(job!.items.map(({ distrustChunks }) => distrustChunks)).toEqual([true, undefined]);
  });
});

describe('the id of a job', () => {
  const idOf = (items: readonly PlannedItem[], changes: Partial<Plan> = {}): string => plan(items, changes)[0]!.jobId;
  const asked = [item(), item()];
  const id = idOf(asked);

  it('is the same for what asks for the same, at any time, in letters that every queue takes', () => {
    expect(idOf(asked, { nowMs: 5 })).toBe(id);
    expect(id).toMatch(/^[\w-]+$/);
  });

  const CHANGES: [string, string][] = [
    ['catalog', idOf(asked, { catalogId: 'ca7a1060-0000-4000-8000-000000000002' as CatalogId })],
    ['target', idOf(asked, { targetId: '5704e000-0000-4000-8000-00000000000c' as StoreId })],
    ['source', idOf(asked.map((one) => ({ ...one, sourceId: '5704e000-0000-4000-8000-00000000000c' as StoreId })))],
    ['operation', idOf(asked.map((one) => ({ ...one, operation: 'verify' })))],
    ['file', idOf([asked[0]!])],
    ['generation', idOf(asked.map((one) => ({ ...one, generation: 2 })))],
    ['attempt', idOf(asked.map((one) => ({ ...one, attempts: 1 })))],
  ];
  it.each(CHANGES)('is another one for another %s', (_, other) => {
    expect(other).not.toBe(id);
  });
});

describe('the deadline of a job', () => {
  const patienceOf = (changes: Partial<PlannedItem>): number => plan([item(changes)])[0]!.deadlineMs - PLAN.nowMs;

  it('grows with the bytes and with each attempt, so that a slow store gets there', () => {
    const small = patienceOf({});
    expect(small).toBeGreaterThanOrEqual(60_000);
    expect(patienceOf({ sizeBytes: 4 * 1024 * MIB })).toBeGreaterThan(small + 900_000);
    expect(patienceOf({ attempts: 1 })).toBeGreaterThan(1.9 * small);
    expect(patienceOf({ attempts: 100 })).toBe(patienceOf({ attempts: 5 }));
  });
});
