/** A scrub of a place that goes away under it, and may be back before anybody has asked who it is. */
import { ScrubBench } from '#libs/maintenance/testing';
import type { ObjectKey } from '#libs/stores';
import { fileOf } from '#libs/transfer/testing';
import type { TestFile } from '#libs/transfer/testing';
import { expect, it } from 'vitest';
import type { PassProgress } from './pass.js';
import { ScrubPass } from './scrub-pass.js';

const PLACE = '/store';
const AWAY = '/away';
const OBJECTS = 4;

const chunkOf = ({ chunks }: TestFile, index: number): ObjectKey => chunks[index]!.key;

interface Absence {
  /** Before which read of the replica its disk goes. */
  readonly goes: number;
  /** Before which one it is back. */
  readonly returns?: number;
  /** From which one on the place says so when it is asked. */
  readonly deniedFrom?: number;
}

/** A file of two chunks that are rotten on the replica, and an inline one. */
async function rottenBench({ goes, returns, deniedFrom }: Absence) {
  const bench = await ScrubBench.make();
  const file = fileOf(['its first chunk', 'its second chunk']);
  await bench.hold(file, fileOf('an inline one'));
  for (const { key } of file.chunks) await bench.rot(bench.replicaId, key);
  const disk = bench.disks.get(bench.replicaId)!;
  let reads = 0;
  bench.before = async ({ method, storeName }) => {
    if (method !== 'get' || storeName !== 'replica') return;
    reads += 1;
    if (reads === goes) await disk.rename(PLACE, AWAY);
    if (reads === deniedFrom) bench.away.add(bench.replicaId);
    if (reads === returns) await disk.rename(AWAY, PLACE);
  };
  return { bench, file };
}

async function endOf(pass: ScrubPass): Promise<PassProgress> {
  while ((await pass.step()) === 'busy');
  return pass.progress;
}

it.each([
  ['in the first read', 1, 2],
  ['between a bad read and the one that would confirm it', 2, 3],
])('leaves nothing out where the place was gone %s', async (_when, goes, returns) => {
  const { bench, file } = await rottenBench({ goes, returns });
  await using _ = bench;
  const { objects, found, findings } = await endOf(new ScrubPass(bench.context, { storeId: bench.replicaId }));
  expect([objects, found]).toEqual([OBJECTS, { corrupt: 2 }]);
  const ids = findings.map(({ key }) => key.id).toSorted();
  expect(ids).toEqual([0, 1].map((index) => chunkOf(file, index).id).toSorted());
});

it.each([
  ['before anything was read', 1, 1],
  ['behind a bad read', 2, 2],
  ['once more while it is looked for again', 1, 3],
])('goes on with what it has not seen, where the place was gone for long: %s', async (_when, goes, deniedFrom) => {
  const { bench } = await rottenBench({ goes, deniedFrom });
  await using _ = bench;
  const pass = new ScrubPass(bench.context, { storeId: bench.replicaId });
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await expect(endOf(pass)).rejects.toMatchObject({ code: 'store_unreachable' });
  }
  expect([pass.progress.findings, bench.catalog.damage.files(10)]).toEqual([[], []]);
  const { position } = pass;
  bench.before = async () => undefined;
  bench.away.clear();
  await bench.disks.get(bench.replicaId)!.rename(AWAY, PLACE);
  const later = new ScrubPass(bench.context, { storeId: bench.replicaId, position, mode: 'look' });
  expect(await endOf(later)).toMatchObject({ objects: OBJECTS, found: { corrupt: 2 } });
  expect(await endOf(pass)).toMatchObject({ objects: OBJECTS, found: { corrupt: 2 } });
});

it('asks who the place is no more often for many objects of a step that were deleted than for one', async () => {
  await using bench = await ScrubBench.make();
  const files = Array.from({ length: 30 }, (_, index) => fileOf(`inline ${index}`));
  await bench.hold(...files);
  const store = bench.stores.get(bench.replicaId)!;
  let confirmed = 0;
  const { context } = bench;
  const reader = context.readers.get(bench.replicaId)!;
  const confirm = reader.confirm.bind(reader);
  reader.confirm = async () => {
    confirmed += 1;
    await confirm();
  };
  const questions: number[] = [];
  for (const deletedFiles of [1, 20]) {
    for (const { manifest } of files) await store.put(manifest.key, manifest.bytes);
    bench.before = async ({ method, storeName }) => {
      if (method !== 'get' || storeName !== 'replica') return;
      bench.before = async () => undefined;
      for (const { manifest } of files.slice(0, deletedFiles)) await store.delete(manifest.key);
    };
    confirmed = 0;
    expect(await endOf(new ScrubPass(context, { storeId: bench.replicaId }))).toMatchObject({ found: {} });
    questions.push(confirmed);
  }
  expect(questions[1]).toBe(questions[0]);
});
