/** Two workers that meet: a copy and a delete of one file, step against step, and one job done twice at the same time. */
import { SeededRandom } from '#libs/durable-fs/testing';
import type { JobResult } from '#libs/job-queue';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { StoreError } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { deleteFrom, fileOf, putInto, SOURCE_ID, TransferBench } from '../testing/src/index.js';
import type { StoreCall, TestFile } from '../testing/src/index.js';

const outcomesOf = ({ items }: JobResult): string[] => items.map(({ outcome, error }) => error?.code ?? outcome);

const DAY_MS = 24 * 60 * 60_000;

const chunked = (): TestFile => fileOf(['the first chunk', 'the second chunk', 'the third']);

/** A watch that lets `act` run before call number `at`, or after it, while the worker stands there. */
function actingAt(at: number, when: 'before' | 'after', act: () => Promise<void>) {
  let calls = 0;
  const watch = {
    [when]: async (): Promise<void> => {
      calls += 1;
      if (calls === at) await act();
    },
  };
  return { watch, reached: () => calls >= at };
}

async function expectGone({ target }: TransferBench, file: TestFile): Promise<void> {
  expect(await target.has(file.manifest.key)).toBeUndefined();
  expect(await target.has(file.tombstone.key)).toBeDefined();
}

/** Runs `race` with act number 1, 2, 3 … until the worker has fewer calls than that. */
async function atEveryCall(race: (at: number) => Promise<boolean>): Promise<number> {
  for (let at = 1; ; at += 1) if (!(await race(at))) return at - 1;
}

describe.each(['before', 'after'] as const)('at every call, %s it,', (when) => {
  it('a delete that comes and goes while a copy stands still leaves no file', async () => {
    const outcomes = new Set<string | undefined>();
    const calls = await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const file = chunked();
      await putInto(bench.source, file);
      const { watch, reached } = actingAt(at, when, async () => {
        await deleteFrom(bench.source, file);
        expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
      });
      const result = await bench.run(bench.job('copy', [file]), { watch });
      if (reached()) await expectGone(bench, file);
      outcomes.add(outcomesOf(result)[0]);
      return reached();
    });
    // Tombstones, manifests, three chunks on both sides, their proof, the manifest, the last look.
    expect(calls).toBeGreaterThan(14);
    // Behind the last look there is nothing left that could know.
    expect(outcomes).toEqual(new Set(['superseded', 'done']));
  });

  it('a worker paused across a delete and resumed behind its deadline leaves no file', async () => {
    const calls = await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const file = chunked();
      await putInto(bench.source, file);
      const { watch, reached } = actingAt(at, when, async () => {
        bench.nowMs = 60_001;
        await deleteFrom(bench.source, file);
        // The order of the delete is younger, and so is its deadline.
        await bench.run(bench.job('delete', [file], { deadlineMs: 120_000 }));
      });
      await bench.run(bench.job('copy', [file]), { watch });
      if (reached()) await expectGone(bench, file);
      return reached();
    });
    expect(calls).toBeGreaterThan(10);
  });

  it('a worker that slept until the tombstones had expired leaves no file', async () => {
    const outcomes = new Set<string | undefined>();
    await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const file = chunked();
      await putInto(bench.source, file);
      const { watch, reached } = actingAt(at, when, async () => {
        await deleteFrom(bench.source, file);
        expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
        for (const store of [bench.target, bench.source]) await store.delete(file.tombstone.key);
        bench.nowMs += 8 * DAY_MS;
      });
      const job = bench.job('copy', [file], { deadlineMs: 30 * DAY_MS });
      outcomes.add(outcomesOf(await bench.run(job, { watch }))[0]);
      const isLeft = (await bench.target.has(file.manifest.key)) !== undefined;
      expect(reached() && isLeft, `call ${at}`).toBe(false);
      return reached();
    });
    expect(outcomes).toEqual(new Set(['manifest_missing', 'done']));
  });

  it('a delete that the source has just taken is not overrun: the target follows with the next order', async () => {
    await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const file = chunked();
      await putInto(bench.source, file);
      const { watch, reached } = actingAt(at, when, () => deleteFrom(bench.source, file));
      await bench.run(bench.job('copy', [file]), { watch });
      if (!reached()) return false;
      expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
      await expectGone(bench, file);
      return true;
    });
  });

  it('a copy that comes and goes while a delete stands still leaves no file', async () => {
    await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const file = chunked();
      await putInto(bench.source, file);
      const late = bench.job('copy', [file]);
      await deleteFrom(bench.source, file);
      const { watch, reached } = actingAt(at, when, async () => {
        await bench.run(late);
      });
      expect(outcomesOf(await bench.run(bench.job('delete', [file]), { watch }))).toEqual(['done']);
      await expectGone(bench, file);
      return reached();
    });
  });

  it('one job done twice at the same time ends right for both', async () => {
    await atEveryCall(async (at) => {
      const bench = await TransferBench.make();
      const files = [chunked(), fileOf('inline')];
      await putInto(bench.source, ...files);
      await bench.target.put(files[0]!.chunks[0]!.key, Buffer.from('cut'));
      await bench.target.put(files[1]!.manifest.key, Buffer.from('rotten'));
      const job = bench.job('repair', files);
      const { watch, reached } = actingAt(at, when, async () => {
        expect(outcomesOf(await bench.run(job))).toEqual(['done', 'done']);
      });
      expect(outcomesOf(await bench.run(job, { watch }))).toEqual(['done', 'done']);
      for (const { manifest, chunks } of files) {
        for (const { key, bytes } of [manifest, ...chunks]) {
          expect((await bench.target.get(key))?.equals(bytes)).toBe(true);
        }
      }
      return reached();
    });
  });
});

it('a copy whose source went away during a long job is not taken back', async () => {
  const bench = await TransferBench.make();
  const file = chunked();
  await putInto(bench.source, file);
  let isAway = false;
  const watch = {
    before: async ({ method, keys }: StoreCall): Promise<void> => {
      if (method !== 'putAll' || keys[0]!.kind !== 'manifest') return;
      isAway = true;
      bench.nowMs += DAY_MS;
      await bench.source.delete(file.manifest.key);
    },
    opening: (storeId: StoreId): void => {
      if (isAway && storeId === SOURCE_ID) throw new StoreError('store_unreachable', 'It was unmounted.');
    },
  };
  const result = await bench.run(bench.job('copy', [file], { deadlineMs: 2 * DAY_MS }), { watch });
  expect(result.storeError).toMatchObject({ storeId: SOURCE_ID });
  expect(await bench.target.has(file.manifest.key)).toBeDefined();
});

it.each([
  ['in time', 1_000],
  ['behind its deadline', 60_001],
])('a worker that goes on %s behind another one, and fails, takes nothing away', async (_name, resumedAtMs) => {
  await atEveryCall(async (at) => {
    const bench = await TransferBench.make();
    const file = chunked();
    await putInto(bench.source, file);
    await bench.target.put(file.chunks[0]!.key, Buffer.alloc(file.chunks[0]!.bytes.length, 'rotten'));
    await bench.target.put(file.manifest.key, Buffer.from('rotten'));
    const job = bench.job('repair', [file]);
    let calls = 0;
    const before = async ({ method }: StoreCall): Promise<void> => {
      calls += 1;
      // Between its look and the move another worker has no time: that is the one call left out.
      if (calls !== at || method === 'setAside') return;
      expect(outcomesOf(await bench.run(job))).toEqual(['done']);
      bench.targetDisk.failNext({ operation: 'create', errorCode: 'ENOSPC', times: Number.POSITIVE_INFINITY });
      bench.nowMs = resumedAtMs;
    };
    await bench.run(job, { watch: { before } });
    bench.targetDisk.clearFaults();
    bench.nowMs = 1_000;
    for (const { key, bytes } of [file.manifest, ...file.chunks]) {
      const left = await bench.target.get(key);
      expect(left?.equals(bytes) ?? calls < at, `${key.kind} at call ${at}`).toBe(true);
    }
    return calls >= at;
  });
});

it.each(['source', 'target'] as const)(
  'a tombstone that came to the %s alone withdraws the manifest',
  async (where) => {
    const bench = await TransferBench.make();
    const [file, other] = [chunked(), fileOf('inline')];
    await putInto(bench.source, file, other);
    const result = await bench.run(bench.job('copy', [file, other]), {
      watch: {
        before: async ({ method, keys }) => {
          if (method === 'putAll' && keys[0]!.kind === 'manifest') {
            await bench[where].put(file.tombstone.key, file.tombstone.bytes);
          }
        },
      },
    });
    expect(outcomesOf(result)).toEqual(['superseded', 'done']);
    expect(await bench.target.has(file.manifest.key)).toBeUndefined();
  },
);

it('a manifest whose put failed half way does not outlive a delete that was confirmed meanwhile', async () => {
  const bench = await TransferBench.make();
  const file = chunked();
  await putInto(bench.source, file);
  const isManifestPut = ({ method, keys }: StoreCall): boolean => method === 'putAll' && keys[0]!.kind === 'manifest';
  const result = await bench.run(bench.job('copy', [file]), {
    watch: {
      before: async (call) => {
        if (!isManifestPut(call)) return;
        await deleteFrom(bench.source, file);
        expect(outcomesOf(await bench.delete(file))).toEqual(['done']);
        // The rename has happened when this fails.
        bench.targetDisk.failNext({ operation: 'syncDirectory', pathPattern: /manifests/, errorCode: 'EIO' });
      },
    },
  });
  expect(result.storeError).toMatchObject({ code: 'store_unreachable' });
  await expectGone(bench, file);
});

it.each(Array.from({ length: 40 }, (_, index) => index + 1))(
  'copies and a delete in any order of their steps leave no file (seed %i)',
  async (seed) => {
    const bench = await TransferBench.make();
    const random = new SeededRandom(seed);
    const files = [chunked(), fileOf('inline'), fileOf(['the first chunk'])];
    await putInto(bench.source, ...files);
    const dawdle = async (): Promise<void> => {
      for (let turns = random.below(6); turns > 0; turns -= 1) await setImmediate();
    };
    const watch = { before: dawdle, after: dawdle };
    const copies = ['copy', 'verify'] as const;
    const running = copies.map((operation) => bench.run(bench.job(operation, files), { watch }));
    for (let turns = random.below(60); turns > 0; turns -= 1) await setImmediate();
    await deleteFrom(bench.source, ...files);
    const deleted = await bench.run(bench.job('delete', files), { watch });
    expect(outcomesOf(deleted)).toEqual(['done', 'done', 'done']);
    await Promise.all(running);
    for (const file of files) await expectGone(bench, file);
  },
);
