/** Jobs between real directories that are removed, swapped and copied under the worker's hands. */
import { nodeFileSystem } from '#libs/durable-fs';
import { systemClock } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import type { JobResult } from '#libs/job-queue';
import { DirectoryPlace } from '#libs/stores';
import type { Store } from '#libs/stores';
import { cp, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CLUSTER_ID, fileOf, putInto, SOURCE_ID, TARGET_ID, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';
import { JobRunner } from './job-runner.js';
import { StoreOpener } from './store-opener.js';

const THIRD_ID = '5704e000-0000-4000-8000-00000000000c' as StoreId;
const NAMES = { source: SOURCE_ID, target: TARGET_ID, third: THIRD_ID } as const;

let root: string;
let stores: Record<keyof typeof NAMES, Store>;
let runner: JobRunner;
const pathOf = (name: string): string => join(root, name);

async function copyTo(targetId: StoreId, file: TestFile): Promise<JobResult> {
  const { job } = TransferBench.prototype;
  const order = job('copy', [file], { targetId, deadlineMs: systemClock.now() + 60_000 });
  return runner.run(order, new AbortController().signal);
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-transfer-'));
  const opened = Object.entries(NAMES).map(async ([name, storeId]) => {
    const identity = { clusterId: CLUSTER_ID, storeId, name, peers: [] };
    const place = new DirectoryPlace(nodeFileSystem, pathOf(name));
    await place.init(identity);
    return [name, place.open(identity)];
  });
  stores = Object.fromEntries(await Promise.all(opened)) as typeof stores;
  // Each store is 773 directories, and a busy machine takes its time.
}, 60_000);

afterAll(() => rm(root, { recursive: true }));

beforeEach(() => {
  const places = Object.keys(NAMES).map((name) => new DirectoryPlace(nodeFileSystem, pathOf(name)));
  runner = new JobRunner({ stores: new StoreOpener({ places, clusterId: CLUSTER_ID }), clock: systemClock });
});

async function newFile(): Promise<TestFile> {
  const file = fileOf([`first ${crypto.randomUUID()}`, Buffer.alloc(100_000, 'second')]);
  await putInto(stores.source, file);
  return file;
}

async function expectWhole(store: Store, { manifest, chunks }: TestFile): Promise<void> {
  for (const { key, bytes } of [manifest, ...chunks]) expect((await store.get(key))?.equals(bytes)).toBe(true);
}

describe('a replica in a directory', () => {
  it('gets a file whole', async () => {
    const file = await newFile();
    expect((await copyTo(TARGET_ID, file)).items[0]?.outcome).toBe('done');
    await expectWhole(stores.target, file);
  });

  it('gets more small files at once than are synced one by one', async () => {
    const files = Array.from({ length: 40 }, (_, index) => fileOf(`inline ${index}`));
    await putInto(stores.source, ...files);
    const job = TransferBench.prototype.job('copy', files, { deadlineMs: systemClock.now() + 60_000 });
    const { items } = await runner.run(job, new AbortController().signal);
    expect(new Set(items.map(({ outcome }) => outcome))).toEqual(new Set(['done']));
    for (const file of files) await expectWhole(stores.target, file);
    expect(await nodeFileSystem.readDirectory(join(root, 'target', 'staging'))).toEqual([]);
  });

  it('that was removed is unreachable, and gets the file when it is back', async () => {
    const file = await newFile();
    await rename(pathOf('target'), pathOf('away'));
    const result = await copyTo(TARGET_ID, file);
    expect(result.storeError).toMatchObject({ code: 'store_unreachable', storeId: TARGET_ID });
    await rename(pathOf('away'), pathOf('target'));
    expect((await copyTo(TARGET_ID, file)).items[0]?.outcome).toBe('done');
    await expectWhole(stores.target, file);
  });

  it('in whose place a file stands is unreachable', async () => {
    const file = await newFile();
    await rename(pathOf('target'), pathOf('away'));
    await writeFile(pathOf('target'), 'a file');
    expect((await copyTo(TARGET_ID, file)).storeError).toMatchObject({ code: 'store_unreachable' });
    await rm(pathOf('target'));
    await rename(pathOf('away'), pathOf('target'));
  });

  it('that changed places with another is found where it is', async () => {
    const file = await newFile();
    expect((await copyTo(TARGET_ID, file)).items[0]?.outcome).toBe('done');
    await rename(pathOf('target'), pathOf('away'));
    await rename(pathOf('third'), pathOf('target'));
    await rename(pathOf('away'), pathOf('third'));
    const second = await newFile();
    expect((await copyTo(TARGET_ID, second)).items[0]?.outcome).toBe('done');
    // The store of the path that was the third's is now the target.
    await expectWhole(stores.third, second);
    expect(await stores.target.has(second.manifest.key)).toBeUndefined();
    await rename(pathOf('third'), pathOf('away'));
    await rename(pathOf('target'), pathOf('third'));
    await rename(pathOf('away'), pathOf('target'));
  });

  it('that was copied over another is foreign there, and neither gets anything', async () => {
    await rename(pathOf('third'), pathOf('away'));
    await cp(pathOf('target'), pathOf('third'), { recursive: true });
    const file = await newFile();
    expect((await copyTo(THIRD_ID, file)).storeError).toMatchObject({ code: 'store_foreign', storeId: THIRD_ID });
    expect((await copyTo(TARGET_ID, file)).storeError).toMatchObject({ code: 'store_foreign', storeId: TARGET_ID });
    for (const store of [stores.target, stores.third]) expect(await store.has(file.manifest.key)).toBeUndefined();
    await rm(pathOf('third'), { recursive: true });
    await rename(pathOf('away'), pathOf('third'));
  });
});
