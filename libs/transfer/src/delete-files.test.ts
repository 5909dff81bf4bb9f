/** Deletes, one fault at a time. */
import type { JobResult } from '#libs/job-queue';
import { describe, expect, it } from 'vitest';
import { deleteFrom, fileOf, putInto, STORE_ROOT, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';

const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome, error }) => error?.code ?? outcome);

const rotten = (file: TestFile): Buffer => Buffer.from(file.tombstone.bytes).fill(0xff, 70, 72);

async function expectDeleted({ target }: TransferBench, file: TestFile): Promise<void> {
  expect(await target.has(file.manifest.key)).toBeUndefined();
  expect((await target.get(file.tombstone.key))?.equals(file.tombstone.bytes)).toBe(true);
}

describe('delete', () => {
  it('leaves the tombstone and no manifest, and the chunks to the api; the second time too', async () => {
    const bench = await TransferBench.make();
    const files = [fileOf(['one', 'two']), fileOf('inline')];
    await putInto(bench.target, ...files);
    await deleteFrom(bench.source, ...files);
    for (let round = 0; round < 2; round += 1) {
      expect(outcomesOf(await bench.delete(...files))).toEqual(['done', 'done']);
      for (const file of files) await expectDeleted(bench, file);
    }
    expect(await bench.target.has(files[0]!.chunks[0]!.key)).toBe(3);
  });

  it('leaves a tombstone of a file that the target never had', async () => {
    const bench = await TransferBench.make();
    const file = fileOf('never copied');
    await deleteFrom(bench.source, file);
    expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
    await expectDeleted(bench, file);
  });

  it('fails the one file without a tombstone, and leaves its manifest', async () => {
    const bench = await TransferBench.make();
    const [file, other] = [fileOf('a'), fileOf('b')];
    await putInto(bench.target, file, other);
    await deleteFrom(bench.source, other);
    expect(outcomesOf(await bench.delete(file, other))).toEqual(['manifest_missing', 'done']);
    expect(await bench.target.has(file.manifest.key)).toBeDefined();
  });

  it('fails the one file whose tombstone rotted on the source', async () => {
    const bench = await TransferBench.make();
    const [file, other] = [fileOf('a'), fileOf('b')];
    await putInto(bench.target, file, other);
    await deleteFrom(bench.source, file, other);
    await bench.source.put(file.tombstone.key, rotten(file));
    expect(outcomesOf(await bench.delete(file, other))).toEqual(['manifest_corrupt', 'done']);
    expect(await bench.target.has(file.tombstone.key)).toBeUndefined();
  });

  it('takes the tombstone of another file for a damaged one', async () => {
    const bench = await TransferBench.make();
    const [file, other] = [fileOf('a'), fileOf('b')];
    await putInto(bench.target, file);
    await bench.source.put(file.tombstone.key, other.tombstone.bytes);
    expect(outcomesOf(await bench.delete(file))).toEqual(['manifest_corrupt']);
    await bench.source.put(file.tombstone.key, file.manifest.bytes);
    expect(outcomesOf(await bench.delete(file))).toEqual(['manifest_corrupt']);
    expect(await bench.target.has(file.manifest.key)).toBeDefined();
  });

  it.each(['rotted on', 'is gone from'])(
    'goes by the tombstone of the target where that of the source %s it',
    async (how) => {
      const bench = await TransferBench.make();
      const file = fileOf('a');
      await putInto(bench.target, file);
      await bench.target.put(file.tombstone.key, file.tombstone.bytes);
      if (how === 'rotted on') await bench.source.put(file.tombstone.key, rotten(file));
      expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
      await expectDeleted(bench, file);
    },
  );

  it('replaces a tombstone that rotted on the target, and keeps it aside', async () => {
    const bench = await TransferBench.make();
    const file = fileOf('a');
    await putInto(bench.target, file);
    await deleteFrom(bench.source, file);
    await bench.target.put(file.tombstone.key, rotten(file));
    expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
    await expectDeleted(bench, file);
    expect(await bench.targetDisk.readDirectory(`${STORE_ROOT}/corrupt`)).toHaveLength(1);
  });
});
