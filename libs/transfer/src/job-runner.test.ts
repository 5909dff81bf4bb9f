/** Jobs that end early: by a store, by the deadline, by the worker's end. */
import { StoreError } from '#libs/kernel';
import type { ClusterId, StoreId } from '#libs/kernel';
import type { JobResult } from '#libs/job-queue';
import { describe, expect, it } from 'vitest';
import { deleteFrom, fileOf, putInto, SOURCE_ID, TARGET_ID, TransferBench } from '../testing/src/index.js';
import type { StoreCall, TestFile } from '../testing/src/index.js';
import { JobRunner } from './job-runner.js';

const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome, error }) => error?.code ?? outcome);

const chunked = (): TestFile => fileOf(['the first chunk', 'the second chunk']);

/** A source with three files; the first two are deleted, and fail, whatever the target does. */
async function benchOfThree(): Promise<{ bench: TransferBench; files: TestFile[] }> {
  const bench = await TransferBench.make();
  const files = [chunked(), chunked(), chunked()];
  await putInto(bench.source, ...files);
  await deleteFrom(bench.source, files[0]!);
  await bench.source.delete(files[1]!.manifest.key);
  return { bench, files };
}

describe('a store at fault', () => {
  it.each([
    ['create', 'EROFS', 'store_read_only'],
    ['write', 'ENOSPC', 'store_full'],
    ['write', 'EDQUOT', 'store_full'],
    ['dataSync', 'EIO', 'store_unreachable'],
    ['rename', 'EACCES', 'store_refused'],
    ['syncDirectory', 'ESTALE', 'store_unreachable'],
    ['stat', 'ESTALE', 'store_unreachable'],
  ] as const)('ends the job where %s on the target says %s', async (operation, errorCode, code) => {
    const { bench, files } = await benchOfThree();
    bench.targetDisk.failNext({ operation, errorCode, pathPattern: /staging|chunks/, times: Number.POSITIVE_INFINITY });
    const result = await bench.copy(...files);
    expect(outcomesOf(result)).toEqual(['superseded', 'manifest_missing', code]);
    expect(result.storeError).toMatchObject({ code, storeId: TARGET_ID });
    bench.targetDisk.clearFaults();
    expect(outcomesOf(await bench.copy(...files))).toEqual(['superseded', 'manifest_missing', 'done']);
  });

  it('is the source where that is the one', async () => {
    const { bench, files } = await benchOfThree();
    bench.sourceDisk.failNext({ operation: 'openRead', errorCode: 'ESTALE', times: Number.POSITIVE_INFINITY });
    const result = await bench.copy(...files);
    expect(outcomesOf(result)).toEqual(['superseded', 'manifest_missing', 'store_unreachable']);
    expect(result.storeError).toMatchObject({ code: 'store_unreachable', storeId: SOURCE_ID });
  });

  it.each([SOURCE_ID, TARGET_ID])('ends a job before anything is written where %s cannot be opened', async (absent) => {
    const { bench, files } = await benchOfThree();
    for (const operation of ['copy', 'delete', 'verify', 'repair'] as const) {
      const result = await bench.run(bench.job(operation, files), {
        watch: {
          opening: (storeId) => {
            if (storeId === absent) throw new StoreError('store_foreign', 'another store stands there');
          },
        },
      });
      expect(result.storeError).toMatchObject({ code: 'store_foreign', storeId: absent });
      expect(outcomesOf(result)).toEqual(['store_foreign', 'store_foreign', 'store_foreign']);
    }
    expect(await bench.target.has(files[2]!.chunks[0]!.key)).toBeUndefined();
  });

  it('is no store of this installation', async () => {
    const { bench, files } = await benchOfThree();
    const clusterId = 'c1057e40-0000-4000-8000-0000000000ff' as ClusterId;
    const result = await bench.run(bench.job('copy', files, { clusterId }));
    expect(result.storeError).toMatchObject({ code: 'store_foreign', storeId: TARGET_ID });
  });

  // Otherwise every file of a source whose disk went away would be taken for lost.
  it.each(['manifest', 'chunk'] as const)('is a source without its %ss that is not there any more', async (kind) => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    let isGone = false;
    const result = await bench.run(bench.job('copy', [file]), {
      watch: {
        opening: (storeId) => {
          if (isGone && storeId === SOURCE_ID) throw new StoreError('store_unreachable', 'there is no store');
        },
        before: async ({ method, keys, storeName }) => {
          if (isGone || method !== 'get' || storeName !== 'source' || keys[0]!.kind !== kind) return;
          isGone = true;
          for (const { key } of [file.manifest, ...file.chunks]) await bench.source.delete(key);
        },
      },
    });
    expect(result.storeError).toMatchObject({ code: 'store_unreachable', storeId: SOURCE_ID });
    expect(outcomesOf(result)).toEqual(['store_unreachable']);
  });

  it('is a target whose disk was swapped while the chunks were on their way', async () => {
    const { bench, files } = await benchOfThree();
    let isSwapped = false;
    const result = await bench.run(bench.job('copy', files), {
      watch: {
        opening: (storeId) => {
          if (isSwapped && storeId === TARGET_ID) throw new StoreError('store_foreign', 'another store stands there');
        },
        after: async ({ method }) => {
          if (method === 'putAll') isSwapped = true;
        },
      },
    });
    expect(result.storeError).toMatchObject({ code: 'store_foreign', storeId: TARGET_ID });
    expect(await bench.target.has(files[2]!.manifest.key)).toBeUndefined();
  });

  it('is none where this program is: the files fail, and no store is blamed', async () => {
    const { bench, files } = await benchOfThree();
    const result = await bench.run(bench.job('copy', files), {
      watch: {
        before: async ({ method }) => {
          if (method === 'putAll') throw new TypeError('x is not a function');
        },
      },
    });
    expect(outcomesOf(result)).toEqual(['superseded', 'manifest_missing', 'internal']);
    expect(result.storeError).toBeUndefined();
  });
});

/** The job, stopped by `stop` before the first call that matches. */
async function stoppedBefore(
  matches: (call: StoreCall) => boolean,
  how: 'deadline' | 'signal',
): Promise<{ bench: TransferBench; file: TestFile; result: JobResult }> {
  const bench = await TransferBench.make();
  const file = chunked();
  await putInto(bench.source, file);
  const controller = new AbortController();
  const before = async (call: StoreCall): Promise<void> => {
    if (!matches(call)) return;
    if (how === 'deadline') bench.nowMs = 60_001;
    else controller.abort();
  };
  const result = await bench.run(bench.job('copy', [file]), { watch: { before }, signal: controller.signal });
  return { bench, file, result };
}

describe.each([
  ['deadline', 'job_overdue'],
  ['signal', 'job_interrupted'],
] as const)('a job ended by its %s', (how, code) => {
  const isPut = (kind: string) => (call: StoreCall) => call.method === 'putAll' && call.keys[0]!.kind === kind;

  it.each([
    ['the first look', (call: StoreCall) => call.method === 'has'],
    ['the manifest is read', (call: StoreCall) => call.method === 'get' && call.keys[0]!.kind === 'manifest'],
    ['a chunk is read', (call: StoreCall) => call.method === 'get' && call.keys[0]!.kind === 'chunk'],
    ['the chunks are put', isPut('chunk')],
    ['they are proven', (call: StoreCall) => call.method === 'has' && call.keys[0]!.kind === 'chunk'],
  ])('publishes no manifest where it came before %s', async (_name, matches) => {
    const { bench, file, result } = await stoppedBefore(matches, how);
    expect(outcomesOf(result)).toEqual([code]);
    expect(result.storeError).toBeUndefined();
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  });

  it('publishes no manifest where it came while the target was asked who it is', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    const controller = new AbortController();
    let hasChunks = false;
    const result = await bench.run(bench.job('copy', [file]), {
      watch: {
        after: async ({ method }) => {
          if (method === 'putAll') hasChunks = true;
        },
        opening: () => {
          if (!hasChunks) return;
          controller.abort();
          if (how === 'deadline') bench.nowMs = 60_001;
        },
      },
      signal: how === 'signal' ? controller.signal : new AbortController().signal,
    });
    expect(outcomesOf(result)).toEqual([code]);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  });

  it('looks for a tombstone once more where it came with the manifest', async () => {
    const { bench, file, result } = await stoppedBefore(isPut('manifest'), how);
    expect(outcomesOf(result)).toEqual(['done']);
    expect(await bench.target.has(file.manifest.key)).toBeDefined();
  });

  it('does not begin where it came before', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    const opened: StoreId[] = [];
    if (how === 'deadline') bench.nowMs = 60_001;
    const signal = how === 'signal' ? AbortSignal.abort() : new AbortController().signal;
    for (const operation of ['copy', 'delete'] as const) {
      const watch = { opening: (storeId: StoreId) => void opened.push(storeId) };
      expect(outcomesOf(await bench.run(bench.job(operation, [file]), { watch, signal }))).toEqual([code]);
    }
    expect(opened).toEqual([]);
  });
});

it('a store that does not answer keeps a job no longer than its deadline, and publishes nothing when it does', async () => {
  const bench = await TransferBench.make();
  const file = chunked();
  await putInto(bench.source, file);
  const disk = Promise.withResolvers<void>();
  let calls = 0;
  const before = async ({ method }: StoreCall): Promise<void> => {
    calls += 1;
    if (method === 'putAll') await disk.promise;
  };
  const runner = new JobRunner({ stores: bench.stores({ before }), clock: { now: () => bench.nowMs }, graceMs: 1 });
  const result = await runner.run(bench.job('copy', [file], { deadlineMs: 1_050 }), new AbortController().signal);
  expect(outcomesOf(result)).toEqual(['job_overdue']);
  expect(result.storeError).toBeUndefined();
  bench.nowMs = 2_000;
  disk.resolve();
  for (let seen = -1; seen !== calls;) {
    seen = calls;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  // What was said is said.
  expect(outcomesOf(result)).toEqual(['job_overdue']);
});

it.each(['EIO', 'EISDIR', 'ELOOP'])(
  'what stands in an object’s place and cannot be read (%s) stops no other',
  async (errorCode) => {
    const bench = await TransferBench.make();
    const files = [chunked(), chunked()];
    await putInto(bench.source, ...files);
    bench.sourceDisk.failNext({ operation: 'readFile', pathPattern: new RegExp(files[0]!.fileId), errorCode });
    const result = await bench.copy(...files);
    expect(outcomesOf(result)).toEqual(['manifest_corrupt', 'done']);
    expect(result.storeError).toBeUndefined();
  },
);
