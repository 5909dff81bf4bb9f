/** Two replicas that change places while a job is under way, on real directories, at every step that the job makes there. */
import { nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import type { StoreId } from '#libs/kernel';
import { DirectoryPlace } from '#libs/stores';
import type { DirectoryStore } from '#libs/stores';
import type { JobOperation, JobResult } from '#libs/job-queue';
import { renameSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CLUSTER_ID, deleteFrom, fileOf, putInto, SOURCE_ID, TARGET_ID, TransferBench } from '../testing/src/index.js';
import type { TestFile } from '../testing/src/index.js';
import { JobRunner } from './job-runner.js';
import { StoreOpener } from './store-opener.js';

const OTHER_ID = '5704e000-0000-4000-8000-00000000000c' as StoreId;

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-swap-'));
});
afterAll(() => rm(root, { recursive: true }));

/** `nodeFileSystem`, with `act` done before call number `at` that names something below `path`. */
function actingAt(at: number, path: string, act: () => void): { fs: FileSystem; reached: () => boolean } {
  let calls = 0;
  const fs = new Proxy(nodeFileSystem, {
    get: (target, name) => {
      const method = target[name as keyof FileSystem] as (...parameters: unknown[]) => unknown;
      return (...parameters: unknown[]) => {
        if (pathsIn(parameters[0]).some((named) => named.startsWith(path))) {
          calls += 1;
          if (calls === at) act();
        }
        return method.apply(target, parameters);
      };
    },
  });
  return { fs, reached: () => calls >= at };
}

/** Of one path, of many, or of many pairs of them. */
function pathsIn(parameter: unknown): string[] {
  if (typeof parameter === 'string') return [parameter];
  if (Array.isArray(parameter)) return parameter.flatMap(pathsIn);
  return typeof parameter === 'object' && parameter !== null ? Object.values(parameter).flatMap(pathsIn) : [];
}

class Disks {
  readonly source = join(root, 'source');
  /** Where the target stands; a swap exchanges the two. */
  target: string;
  other: string;

  constructor(serial: string) {
    this.target = join(root, `${serial}-1`);
    this.other = join(root, `${serial}-2`);
  }

  async make(): Promise<void> {
    const stores = { [this.source]: SOURCE_ID, [this.target]: TARGET_ID, [this.other]: OTHER_ID };
    for (const [path, storeId] of Object.entries(stores)) {
      const place = new DirectoryPlace(nodeFileSystem, path);
      if ((await place.identify()) === undefined)
        await place.init({ clusterId: CLUSTER_ID, storeId, name: path, peers: [] });
    }
  }

  runner(fs: FileSystem = nodeFileSystem): JobRunner {
    const places = [this.source, this.target, this.other].map((path) => new DirectoryPlace(fs, path));
    return new JobRunner({ stores: new StoreOpener({ places, clusterId: CLUSTER_ID }), clock: { now: () => 1_000 } });
  }

  swap(): void {
    renameSync(this.target, `${this.target}-aside`);
    renameSync(this.other, this.target);
    renameSync(`${this.target}-aside`, this.other);
    [this.target, this.other] = [this.other, this.target];
  }

  /** The store as it stands, wherever that is. */
  async open(storeId: StoreId): Promise<DirectoryStore> {
    for (const path of [this.source, this.target, this.other]) {
      const place = new DirectoryPlace(nodeFileSystem, path);
      const identity = await place.identify();
      if (identity?.storeId === storeId) return place.open(identity);
    }
    throw new Error(`${storeId} is nowhere`);
  }
}

const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome }) => outcome);

async function isWhole(store: DirectoryStore, { manifest, chunks }: TestFile): Promise<boolean> {
  const same = await Promise.all(
    [manifest, ...chunks].map(async ({ key, bytes }) => (await store.get(key))?.equals(Buffer.from(bytes))),
  );
  return same.every((isSame) => isSame === true);
}

async function isDeleted(store: DirectoryStore, { manifest, tombstone }: TestFile): Promise<boolean> {
  return (await store.has(manifest.key)) === undefined && (await store.has(tombstone.key)) !== undefined;
}

describe.each<JobOperation>(['copy', 'verify', 'delete'])('a swap at every step of a %s', (operation) => {
  it('confirms nothing that is on the other disk alone, and the next jobs make both right', async () => {
    const bench = await TransferBench.make();
    const disks = new Disks(operation);
    await disks.make();
    const falselyConfirmed: number[] = [];
    let steps = 0;
    for (let at = 1; ; at += 1) {
      const file = fileOf([`the first chunk of ${at}`, 'the second']);
      await putInto(await disks.open(SOURCE_ID), file);
      if (operation === 'delete') {
        for (const id of [TARGET_ID, OTHER_ID]) await putInto(await disks.open(id), file);
        await deleteFrom(await disks.open(SOURCE_ID), file);
      }
      const isRight = (store: DirectoryStore): Promise<boolean> =>
        operation === 'delete' ? isDeleted(store, file) : isWhole(store, file);
      const { fs, reached } = actingAt(at, disks.target, () => disks.swap());
      const never = new AbortController().signal;
      const result = await disks.runner(fs).run(bench.job(operation, [file]), never);
      const isConfirmed = outcomesOf(result)[0] === 'done';
      if (isConfirmed && !(await isRight(await disks.open(TARGET_ID)))) falselyConfirmed.push(at);

      const runner = disks.runner();
      for (const targetId of [TARGET_ID, OTHER_ID]) {
        const again = operation === 'verify' ? 'copy' : operation;
        expect(outcomesOf(await runner.run(bench.job(again, [file], { targetId }), never))).toEqual(['done']);
        expect([at, targetId, await isRight(await disks.open(targetId))]).toEqual([at, targetId, true]);
      }
      if (!reached()) break;
      steps = at;
    }
    expect(falselyConfirmed).toEqual([]);
    expect(steps).toBeGreaterThan(8);
  });
});
