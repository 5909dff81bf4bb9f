/** Copies, one fault at a time: what the target holds afterwards, and what is said of it. */
import type { JobOperation, JobResult } from '#libs/job-queue';
import { describe, expect, it } from 'vitest';
import { deleteFrom, fileOf, putInto, STORE_ROOT, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';
import { MAX_BATCH_BYTES } from './copy-chunks.js';

const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome, error }) => error?.code ?? outcome);

const inline = (text = 'inline'): TestFile => fileOf(text);
const chunked = (): TestFile => fileOf(['the first chunk', 'the second chunk', 'the third']);
const COPIES: readonly JobOperation[] = ['copy', 'verify', 'repair'];

/** Whether the target holds the file byte for byte. */
async function isWhole({ target }: TransferBench, { manifest, chunks }: TestFile): Promise<boolean> {
  const found = await Promise.all(
    [manifest, ...chunks].map(async ({ key, bytes }) => (await target.get(key))?.equals(bytes)),
  );
  return found.every((same) => same === true);
}

const asideNames = async ({ targetDisk }: TransferBench): Promise<string[]> =>
  (await targetDisk.readDirectory(`${STORE_ROOT}/corrupt`)).map((name) => name.split('-')[0]!).sort();

describe.each(COPIES)('%s', (operation) => {
  it('brings files whole to an empty target, and does nothing the second time', async () => {
    const bench = await TransferBench.make();
    const files = [inline(), chunked(), fileOf(['']), fileOf([])];
    await putInto(bench.source, ...files);
    for (let round = 0; round < 2; round += 1) {
      const result = await bench.run(bench.job(operation, files));
      expect(outcomesOf(result)).toEqual(['done', 'done', 'done', 'done']);
      expect(result.storeError).toBeUndefined();
      for (const file of files) expect(await isWhole(bench, file)).toBe(true);
    }
    expect(await asideNames(bench)).toEqual([]);
  });

  it('hands generations back, and says which job it was', async () => {
    const bench = await TransferBench.make();
    const files = [inline('a'), inline('b')];
    await putInto(bench.source, ...files);
    const job = bench.job(operation, files, { jobId: 'job-7' });
    expect(await bench.run(job)).toMatchObject({
      jobId: 'job-7',
      catalogId: job.catalogId,
      operation,
      sourceId: job.sourceId,
      targetId: job.targetId,
      items: files.map(({ fileId }, index) => ({ fileId, generation: index + 1, outcome: 'done' })),
    });
  });

  it('shares chunks between files of one job', async () => {
    const bench = await TransferBench.make();
    const files = [fileOf(['same', 'other']), fileOf(['same', 'same']), fileOf(['same'])];
    await putInto(bench.source, ...files);
    expect(outcomesOf(await bench.run(bench.job(operation, files)))).toEqual(['done', 'done', 'done']);
    for (const file of files) expect(await isWhole(bench, file)).toBe(true);
  });

  it('brings a file of many batches', async () => {
    const bench = await TransferBench.make();
    const chunks = Array.from({ length: 5 }, (_, index) => Buffer.alloc(MAX_BATCH_BYTES / 2 + 1, `chunk ${index}`));
    const file = fileOf([...chunks, Buffer.alloc(MAX_BATCH_BYTES + 1, 'longer than a batch'), 'the end']);
    await putInto(bench.source, file);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    expect(await isWhole(bench, file)).toBe(true);
  });

  it.each([
    ['a manifest that is gone', 'manifest_missing', 'gone', 'manifest'],
    ['a manifest that rotted', 'manifest_corrupt', 'rot', 'manifest'],
    ['a chunk that is gone', 'chunk_missing', 'gone', 'chunk'],
    ['a chunk that rotted', 'chunk_corrupt', 'rot', 'chunk'],
    ['a chunk that its disk cannot read', 'chunk_corrupt', 'EIO', 'chunk'],
  ] as const)('fails the one file with %s on the source', async (_name, code, damage, kind) => {
    const bench = await TransferBench.make();
    const files = [inline(), chunked(), fileOf(['unhurt'])];
    await putInto(bench.source, ...files);
    const { key } = kind === 'manifest' ? files[1]!.manifest : files[1]!.chunks[1]!;
    const path = bench.source.pathOf(key);
    if (damage === 'gone') await bench.source.delete(key);
    else if (damage === 'rot') bench.sourceDisk.rot(path, 3);
    else bench.sourceDisk.failNext({ operation: 'read', pathPattern: new RegExp(key.id), errorCode: 'EIO' });
    const result = await bench.run(bench.job(operation, files));
    expect(outcomesOf(result)).toEqual(['done', code, 'done']);
    expect(result.storeError).toBeUndefined();
    expect(await bench.target.has(files[1]!.manifest.key)).toBeUndefined();
    expect(await isWhole(bench, files[2]!)).toBe(true);
  });

  it('takes the manifest of another file for a damaged one', async () => {
    const bench = await TransferBench.make();
    const [file, other] = [inline('a'), inline('b')];
    await bench.source.put(file.manifest.key, other.manifest.bytes);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['manifest_corrupt']);
    await bench.source.put(file.manifest.key, file.tombstone.bytes);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['manifest_corrupt']);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  });

  it.each(['source', 'target'] as const)('copies nothing that has a tombstone on the %s', async (where) => {
    const bench = await TransferBench.make();
    const [file, other] = [chunked(), inline()];
    await putInto(bench.source, file, other);
    await bench[where].put(file.tombstone.key, file.tombstone.bytes);
    expect(outcomesOf(await bench.run(bench.job(operation, [file, other])))).toEqual(['superseded', 'done']);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
    for (const { key } of file.chunks) expect(await bench.target.has(key)).toBeUndefined();
  });

  it('takes a file that was deleted on the source for no damage', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await deleteFrom(bench.source, file);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['superseded']);
  });

  it('removes the manifest that a killed copy left beside a tombstone', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await putInto(bench.target, file);
    await bench.target.put(file.tombstone.key, file.tombstone.bytes);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['superseded']);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  });

  it.each([
    ['rotted', (file: TestFile) => Buffer.from(file.manifest.bytes).fill(0xff, 70, 72)],
    ['cut', (file: TestFile) => file.manifest.bytes.subarray(0, 60)],
    ['whole and other', (file: TestFile) => fileOf('other', { fileId: file.fileId, name: 'other' }).manifest.bytes],
  ])('replaces a manifest of the target that is %s, and keeps it aside', async (_name, bytesOf) => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await bench.target.put(file.manifest.key, bytesOf(file));
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    expect(await isWhole(bench, file)).toBe(true);
    expect(await asideNames(bench)).toEqual(['manifest']);
  });

  it('replaces a manifest that the disk of the target cannot read', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await putInto(bench.target, file);
    bench.targetDisk.failNext({ operation: 'readFile', pathPattern: /manifests/, errorCode: 'EIO', times: 2 });
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    expect(await asideNames(bench)).toEqual(['manifest']);
  });

  it('replaces a chunk of the target that has another length, and keeps it aside', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await bench.target.put(file.chunks[1]!.key, Buffer.from('short'));
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    expect(await isWhole(bench, file)).toBe(true);
    expect(await asideNames(bench)).toEqual(['chunk']);
  });

  it('confirms no file of which the target lost a chunk again', async () => {
    const bench = await TransferBench.make();
    const [file, other] = [chunked(), inline()];
    await putInto(bench.source, file, other);
    const result = await bench.run(bench.job(operation, [file, other]), {
      watch: {
        // As a collection does that had begun before the file was uploaded.
        after: async ({ method, keys }) => {
          if (method === 'putAll' && keys[0]!.kind === 'chunk') await bench.target.delete(file.chunks[2]!.key);
        },
      },
    });
    expect(outcomesOf(result)).toEqual(['store_write_failed', 'done']);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  });
});

describe('what an operation believes of a target that has the manifest', () => {
  const damages = {
    'a chunk is gone': (bench: TransferBench, file: TestFile) => bench.target.delete(file.chunks[1]!.key),
    'a chunk is cut': (bench: TransferBench, file: TestFile) => bench.target.put(file.chunks[1]!.key, Buffer.from('x')),
    'a chunk rotted': async (bench: TransferBench, file: TestFile) =>
      bench.targetDisk.rot(bench.target.pathOf(file.chunks[1]!.key), 2),
    'a chunk cannot be read': async (bench: TransferBench, file: TestFile) =>
      bench.targetDisk.failNext({
        operation: 'read',
        pathPattern: new RegExp(file.chunks[1]!.key.id),
        errorCode: 'EIO',
        times: 2,
      }),
  };

  it.each([
    ['copy', 'a chunk is gone', true, []],
    ['copy', 'a chunk is cut', true, ['chunk']],
    ['copy', 'a chunk rotted', false, []],
    ['verify', 'a chunk is gone', true, []],
    ['verify', 'a chunk is cut', true, ['chunk']],
    ['verify', 'a chunk rotted', false, []],
    ['repair', 'a chunk is gone', true, []],
    ['repair', 'a chunk is cut', true, ['chunk']],
    ['repair', 'a chunk rotted', true, ['chunk']],
    ['repair', 'a chunk cannot be read', true, ['chunk']],
  ] as const)('%s where %s: whole afterwards %s', async (operation, damage, expected, aside) => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await putInto(bench.target, file);
    await damages[damage](bench, file);
    expect(outcomesOf(await bench.run(bench.job(operation, [file])))).toEqual(['done']);
    expect(await isWhole(bench, file)).toBe(expected);
    expect(await asideNames(bench)).toEqual(aside);
  });

  it.each(COPIES)('%s puts distrusted chunks without asking for them', async (operation) => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await putInto(bench.target, file);
    bench.targetDisk.rot(bench.target.pathOf(file.chunks[1]!.key), 2);
    const asked: string[] = [];
    const result = await bench.run(bench.job(operation, [file], { distrustChunks: true }), {
      watch: {
        before: async ({ method, keys, storeName }) => {
          if (method === 'putAll') asked.push('put');
          if (method === 'has' && storeName === 'target' && keys[0]!.kind === 'chunk') asked.push('has');
        },
      },
    });
    expect(outcomesOf(result)).toEqual(['done']);
    expect(asked[0]).toBe('put');
    expect(await isWhole(bench, file)).toBe(true);
  });

  it('repair leaves a damaged chunk where it is when the source has it no better', async () => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await putInto(bench.target, file);
    for (const [disk, store] of [
      [bench.sourceDisk, bench.source] as const,
      [bench.targetDisk, bench.target] as const,
    ]) {
      disk.rot(store.pathOf(file.chunks[1]!.key), 2);
    }
    expect(outcomesOf(await bench.run(bench.job('repair', [file])))).toEqual(['chunk_corrupt']);
    expect(await bench.target.has(file.chunks[1]!.key)).toBe(file.chunks[1]!.bytes.length);
  });
});
