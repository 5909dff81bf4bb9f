import { newUuid } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { doneResult, TEST_CLUSTER, testJob } from '../testing/src/index.js';
import { decodeJob, encodeJob, isFromLaterVersion } from './job-codec.js';
import { MAX_JOB_ITEMS, MAX_JOB_JSON_BYTES } from './job.js';
import type { Job, JobResult } from './job.js';
import { decodeResult, encodeResult } from './result-codec.js';
import { WireError } from './wire-value.js';

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const throughJson = (value: object): Record<string, unknown> =>
  JSON.parse(JSON.stringify(value)) as Record<string, unknown>;

function problemOf(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('a job', () => {
  const job: Job = { ...testJob('copy-1'), traceparent: TRACEPARENT };

  it('comes out of Redis as it went in', () => {
    const distrusting = { ...job, items: job.items.map((item) => ({ ...item, distrustChunks: true })) };
    for (const each of [job, distrusting]) expect(decodeJob(throughJson(encodeJob(each)), TEST_CLUSTER)).toEqual(each);
  });

  it('of the most items is no larger than a job may be', () => {
    const largest = testJob('x'.repeat(256), { items: MAX_JOB_ITEMS });
    const items = largest.items.map((item) => ({
      ...item,
      generation: 2 ** 31,
      sizeBytes: 2 ** 50,
      distrustChunks: true,
    }));
    expect(JSON.stringify(encodeJob({ ...largest, items })).length).toBeLessThan(MAX_JOB_JSON_BYTES);
  });

  it.each([
    ['no object', null],
    ['a list', []],
    ['no version', { v: undefined }],
    ['an id with a colon, which names a key of Redis', { job_id: 'a:b' }],
    ['an endless id', { job_id: 'x'.repeat(257) }],
    ['another installation', { cluster_id: newUuid<ClusterId>() }],
    ['no catalog', { catalog_id: 'x' }],
    ['an unknown operation', { op: 'format' }],
    ['a path as a store', { target_id: '../../etc' }],
    ['a deadline that never comes', { deadline: 1e300 }],
    ['no items', { items: [] }],
    ['too many items', { items: Array.from({ length: MAX_JOB_ITEMS + 1 }, () => ({})) }],
    ['an item without a file', { items: [{ generation: 1, size: 1 }] }],
    ['a path as a file', { items: [{ file_id: '../x', generation: 1, size: 1 }] }],
    ['a generation below 0', { items: [{ file_id: job.items[0]!.fileId, generation: -1, size: 1 }] }],
    ['a fraction of a byte', { items: [{ file_id: job.items[0]!.fileId, generation: 1, size: 0.5 }] }],
  ])('with %s is refused', (_, change) => {
    const isWhole = change === null || Array.isArray(change);
    const json: unknown = isWhole ? change : throughJson({ ...throughJson(encodeJob(job)), ...change });
    expect(problemOf(() => decodeJob(json, TEST_CLUSTER))).not.toBe('accepted');
  });

  it('without a readable trace is still done', () => {
    const json = { ...throughJson(encodeJob(job)), traceparent: 'not one\n' };
    expect(decodeJob(json, TEST_CLUSTER).traceparent).toBeUndefined();
  });

  it.each([
    [{ v: 2 }, true],
    [{ v: 1 }, false],
    [{ v: '2' }, false],
    [null, false],
  ])('%j is told from one of a later version', (json, expected) => {
    expect(isFromLaterVersion(json)).toBe(expected);
  });
});

describe('a result', () => {
  const job = testJob('copy-1');
  const result: JobResult = {
    ...doneResult(job),
    items: [
      { fileId: job.items[0]!.fileId, generation: 1, outcome: 'superseded' },
      { fileId: job.items[1]!.fileId, generation: 2, outcome: 'failed', error: { code: 'EIO', message: 'i/o error' } },
    ],
    storeError: { code: 'store_full', message: 'No room.', storeId: job.targetId },
    lostWrite: { code: 'EIO', message: 'EIO: i/o error, syncfs' },
  };

  it('comes out of Redis as it went in', () => {
    for (const each of [result, doneResult(job)]) expect(decodeResult(throughJson(encodeResult(each)))).toEqual(each);
  });

  it('is shortened where a store was talkative', () => {
    const talkative = { ...result, storeError: { ...result.storeError!, message: 'x'.repeat(100_000) } };
    expect(decodeResult(throughJson(encodeResult(talkative))).storeError?.message).toHaveLength(300);
  });

  it.each([
    ['no job', { job_id: '' }],
    ['a later version', { v: 2 }],
    ['no outcome', { items: [{ file_id: job.items[0]!.fileId, generation: 1, outcome: 'maybe' }] }],
    [
      'an error that is a text',
      { items: [{ file_id: job.items[0]!.fileId, generation: 1, outcome: 'failed', error: 'x' }] },
    ],
    ['a lost write without a word on it', { lost_write: true }],
    ['an error of no store', { store_error: { code: 'x', message: 'y' } }],
    ['an endless message', { store_error: { code: 'x', message: 'y'.repeat(1_000), store_id: job.targetId } }],
  ])('with %s is refused', (_, change) => {
    const json = throughJson({ ...throughJson(encodeResult(result)), ...change });
    expect(problemOf(() => decodeResult(json))).not.toBe('accepted');
  });
});
