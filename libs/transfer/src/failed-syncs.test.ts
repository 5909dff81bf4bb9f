/**
 * Jobs on a disk whose sync failed once: what it shows since then may be nowhere, and a further sync says yes without having
 * written it. What a job confirms is there in every state that a power cut can leave.
 */
import { crashStates } from '#libs/durable-fs/testing';
import type { FaultPlan } from '#libs/durable-fs/testing';
import type { JobOperation, JobResult } from '#libs/job-queue';
import type { StoredObject } from '#libs/stores';
import { describe, expect, it } from 'vitest';
import { deleteFrom, fileOf, putInto, TARGET_ID, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';

const STATES = 12;
const failsAt = (pathPattern: RegExp): FaultPlan => ({ operation: 'syncDirectory', errorCode: 'EIO', pathPattern });
const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome, error }) => error?.code ?? outcome);

async function expectDurable({ targetDisk }: TransferBench, objects: readonly StoredObject[]): Promise<void> {
  for (const { label, fileSystem } of crashStates(targetDisk.snapshot(), { limit: STATES })) {
    const { target } = new TransferBench({ source: targetDisk, target: fileSystem });
    for (const { key, bytes } of objects) expect(await target.get(key), label).toEqual(bytes);
  }
}

const objectsOf = (...files: readonly TestFile[]): StoredObject[] =>
  files.flatMap(({ chunks, manifest }) => [...chunks, manifest]);

async function benchOf(...files: readonly TestFile[]): Promise<TransferBench> {
  const bench = await TransferBench.make();
  await putInto(bench.source, ...files);
  return bench;
}

describe.each(['copy', 'verify', 'repair'] as const)('a %s behind a failed sync', (operation: JobOperation) => {
  it.each([
    ['chunks', /chunks/],
    ['manifests', /manifests/],
  ])('puts %s again that seem to be there', async (_name, pathPattern) => {
    const file = fileOf(['one', 'two']);
    const bench = await benchOf(file);
    bench.targetDisk.failNext(failsAt(pathPattern));
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['store_unreachable']);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    await expectDurable(bench, objectsOf(file));
  });
});

it('a chunk that a failed job has left is put again for any other file, also when a job went well since', async () => {
  const files = [fileOf(['shared', 'own']), fileOf('inline'), fileOf(['shared'])];
  const bench = await benchOf(...files);
  bench.targetDisk.failNext(failsAt(/chunks/));
  expect(outcomesOf(await bench.copy(files[0]!))).toEqual(['store_unreachable']);
  expect(outcomesOf(await bench.copy(files[1]!))).toEqual(['done']);
  expect(outcomesOf(await bench.copy(files[2]!))).toEqual(['done']);
  await expectDurable(bench, objectsOf(files[1]!, files[2]!));
});

it('a tombstone that seems to be there is put again', async () => {
  const file = fileOf('deleted');
  const bench = await benchOf(file);
  await deleteFrom(bench.source, file);
  bench.targetDisk.failNext(failsAt(/tombstones/));
  expect(outcomesOf(await bench.delete(file))).toEqual(['store_unreachable']);
  expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
  await expectDurable(bench, [file.tombstone]);
});

describe('a job under way when a sync of another one fails', () => {
  /** Fails a sync of another job at the first call that matches. */
  async function meanwhile(operation: 'copy' | 'delete', file: TestFile, bench: TransferBench): Promise<JobResult> {
    let isToFail = true;
    return bench.run(bench.job(operation, [file]), {
      watch: {
        before: async ({ method, storeName }) => {
          if (!isToFail || method !== 'syncAll' || storeName !== 'target') return;
          isToFail = false;
          bench.targetDisk.failNext(failsAt(/corrupt/));
          await expect(bench.target.setAside(fileOf('another').manifest.key)).rejects.toThrow('EIO');
        },
      },
    });
  }

  it('confirms nothing that it had only found there', async () => {
    const file = fileOf(['one']);
    const bench = await benchOf(file);
    await putInto(bench.target, file);
    const result = await meanwhile('copy', file, bench);
    expect(result.storeError).toMatchObject({ code: 'store_unreachable', storeId: TARGET_ID });
    expect(outcomesOf(await bench.copy(file))).toEqual(['done']);
  });

  it('confirms no delete whose tombstone it had only found there', async () => {
    const file = fileOf('deleted');
    const bench = await benchOf(file);
    await deleteFrom(bench.source, file);
    await bench.target.put(file.tombstone.key, file.tombstone.bytes);
    const result = await meanwhile('delete', file, bench);
    expect(result.storeError).toMatchObject({ code: 'store_unreachable', storeId: TARGET_ID });
  });
});
