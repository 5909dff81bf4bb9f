/**
 * The power of the target is cut before every write and every sync of a job, and the worker is killed there: whatever disk
 * that can leave, a manifest that stands there has all of its chunks, and the job done again ends right, durably.
 */
import { CrashFileSystem, crashStates } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { Job, JobResult } from '#libs/job-queue';
import { describe, expect, it } from 'vitest';
import { deleteFrom, fileOf, putInto, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';

const STATES_PER_CUT = 6;
/** After a job that was done again hardly anything is undecided. */
const STATES_AT_THE_END = 3;
/** Cuts of a large job are many and alike. */
const MOST_CUTS = 64;
const MOST_CUTS_OF_MANY = 12;

/** Longer than a sector, so that it can be torn. */
const chunk = (name: string): Buffer => Buffer.alloc(700, `${name} `);
const threeFiles = (): TestFile[] => [
  fileOf('inline'),
  fileOf([chunk('one'), chunk('two'), chunk('three')]),
  fileOf([chunk('two'), chunk('four')]),
];
/** As many objects as a directory store syncs one by one. */
const MAX_SINGLE = 32;
const manyFiles = (): TestFile[] =>
  Array.from({ length: MAX_SINGLE + 1 }, (_, index) => fileOf([chunk(`chunk ${index}`)]));

const outcomesOf = ({ items }: JobResult): string[] => [...new Set(items.map(({ outcome }) => outcome))];

/** The instants before each operation of the job on the target's disk, and the one after it. */
async function cutsOf(bench: TransferBench, job: Job): Promise<DiskSnapshot[]> {
  const cuts: DiskSnapshot[] = [];
  bench.targetDisk.onBoundary(() => cuts.push(bench.targetDisk.snapshot()));
  expect(outcomesOf(await bench.run(job))).toEqual(['done']);
  cuts.push(bench.targetDisk.snapshot());
  const most = job.items.length > MAX_SINGLE ? MOST_CUTS_OF_MANY : MOST_CUTS;
  const step = Math.ceil(cuts.length / most);
  return cuts.filter((_cut, index) => index % step === 0 || index > cuts.length - 4);
}

/** After the power cut, and after a kill, where the machine goes on and has synced nothing of what was under way. */
function* disksAfter(cut: DiskSnapshot, limit = STATES_PER_CUT): Generator<{ label: string; disk: CrashFileSystem }> {
  yield { label: 'killed', disk: new CrashFileSystem({ snapshot: cut }) };
  for (const { label, fileSystem } of crashStates(cut, { limit })) yield { label, disk: fileSystem };
}

/** How the file stands on the target: `broken` is a manifest without its chunks, `deleted` a tombstone without a manifest. */
async function standingOn({ target }: TransferBench, file: TestFile): Promise<'whole' | 'none' | 'broken' | 'deleted'> {
  const manifest = await target.get(file.manifest.key);
  if (manifest === undefined) {
    const tombstone = await target.get(file.tombstone.key);
    return tombstone?.equals(file.tombstone.bytes) === true ? 'deleted' : 'none';
  }
  if (!manifest.equals(file.manifest.bytes)) return 'broken';
  for (const { key, bytes } of file.chunks) if ((await target.get(key))?.equals(bytes) !== true) return 'broken';
  return 'whole';
}

/** What is there after the job was done on this disk, in every state that a further cut can leave. */
async function standingAfter(bench: TransferBench, job: Job, files: readonly TestFile[]): Promise<Set<string>> {
  expect(outcomesOf(await bench.run(job))).toEqual(['done']);
  const standing = new Set<string>();
  for (const { disk } of disksAfter(bench.targetDisk.snapshot(), STATES_AT_THE_END)) {
    const later = new TransferBench({ source: bench.sourceDisk, target: disk });
    for (const file of files) standing.add(await standingOn(later, file));
  }
  return standing;
}

async function expectEveryCut(bench: TransferBench, job: Job, files: readonly TestFile[], end: 'whole' | 'deleted') {
  for (const cut of await cutsOf(bench, job)) {
    for (const { label, disk } of disksAfter(cut)) {
      const after = new TransferBench({ source: bench.sourceDisk, target: disk });
      for (const file of files) expect(await standingOn(after, file), label).not.toBe('broken');
      expect(await standingAfter(after, job, files), label).toEqual(new Set([end]));
    }
  }
}

describe.each([
  ['a few files', threeFiles],
  ['many files', manyFiles],
])('%s', (_name, makeFiles) => {
  it('copied', async () => {
    const bench = await TransferBench.make();
    const files = makeFiles();
    await putInto(bench.source, ...files);
    await expectEveryCut(bench, bench.job('copy', files), files, 'whole');
  });

  it('deleted', async () => {
    const bench = await TransferBench.make();
    const files = makeFiles();
    await putInto(bench.target, ...files);
    await deleteFrom(bench.source, ...files);
    await expectEveryCut(bench, bench.job('delete', files), files, 'deleted');
  });
});

it.each(['verify', 'repair'] as const)('files that a %s makes whole', async (operation) => {
  const bench = await TransferBench.make();
  const files = threeFiles();
  await putInto(bench.source, ...files);
  await putInto(bench.target, ...files);
  await bench.target.put(files[0]!.manifest.key, Buffer.from('rotten'));
  await bench.target.delete(files[1]!.chunks[0]!.key);
  await bench.target.put(files[2]!.chunks[1]!.key, Buffer.from('rotten'));
  const job = bench.job(operation, files);
  for (const cut of await cutsOf(bench, job)) {
    for (const { label, disk } of disksAfter(cut)) {
      const after = new TransferBench({ source: bench.sourceDisk, target: disk });
      expect(await standingAfter(after, job, files), label).toEqual(new Set(['whole']));
    }
  }
});

it('a file deleted for good stays deleted, whichever of its copies is done again', async () => {
  const bench = await TransferBench.make();
  const files = threeFiles();
  await putInto(bench.source, ...files);
  const copy = bench.job('copy', files);
  await bench.run(copy);
  await deleteFrom(bench.source, ...files);
  await bench.delete(...files);
  for (const { label, disk } of disksAfter(bench.targetDisk.snapshot())) {
    const after = new TransferBench({ source: bench.sourceDisk, target: disk });
    expect(outcomesOf(await after.run(copy)), label).toEqual(['superseded']);
    for (const file of files) expect(await standingOn(after, file), label).toBe('deleted');
  }
});
