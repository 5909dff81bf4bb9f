import { ScrubBench } from '#libs/maintenance/testing';
import { fileOf } from '#libs/transfer/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Scrubber } from './scrubber.js';
import type { ScrubView } from './store-scrub.js';

const MIB = 1024 * 1024;
const DAY_MS = 24 * 60 * 60 * 1000;

let bench: ScrubBench;
let scrubber: Scrubber;
/** Reads of objects, by the name of the store. */
let reads: Record<string, number>;

beforeEach(async () => {
  bench = await ScrubBench.make();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  reads = { primary: 0, replica: 0, other: 0 };
  bench.before = async ({ method, storeName }) => {
    if (method === 'get') reads[storeName]! += 1;
  };
});
afterEach(async () => {
  await scrubber.stop();
  vi.useRealTimers();
  await bench[Symbol.asyncDispose]();
});

function started(rateBytesPerSecond = 1024 * MIB): Scrubber {
  scrubber = new Scrubber({ ...bench.context, rateBytesPerSecond });
  scrubber.start();
  return scrubber;
}

const files = (count: number) => Array.from({ length: count }, (_, index) => fileOf(`inline ${index}`));
/** By name. */
function views(): Record<string, ScrubView> {
  return Object.fromEntries(scrubber.views().map((view) => [view.name, view]));
}

/** Lets what was started go on: of the fake timers alone, since the stores and their digests have real ones. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 100) {
    await vi.advanceTimersByTimeAsync(Math.min(100, ms - passed));
    bench.nowMs += Math.min(100, ms - passed);
  }
}

async function passThrough(): Promise<void> {
  for (let turn = 0; turn < 200; turn += 1) {
    await pass(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the scrub of all stores', () => {
  it('begins some time after the start, reads each through, and again a day after it began', async () => {
    await bench.hold(...files(3));
    started();
    await pass(9_900);
    expect(reads).toEqual({ primary: 0, replica: 0, other: 0 });
    await passThrough();
    expect(reads).toEqual({ primary: 3, replica: 3, other: 3 });
    const { replica } = views();
    expect(replica).toMatchObject({ state: 'waiting', objects: 3, corrupt: 0, error: undefined });
    expect(replica!.nextPassAtMs).toBe(replica!.passStartedAtMs! + DAY_MS);
    bench.nowMs += DAY_MS;
    await vi.advanceTimersByTimeAsync(60_000);
    await passThrough();
    expect(reads).toEqual({ primary: 6, replica: 6, other: 6 });
  });

  it('reads no faster than its rate, and counts a small object for what a seek costs', async () => {
    await bench.hold(...files(320));
    // 16 objects a second, of every store, in steps of 32.
    started(MIB);
    await pass(10_000);
    await pass(5_000);
    for (const name of ['primary', 'replica', 'other']) {
      expect([name, reads[name]! >= 64, reads[name]! <= 128]).toEqual([name, true, true]);
    }
  });

  it('waits for a store that is away, tries it again without spinning, and goes on with the others', async () => {
    await bench.hold(...files(100));
    bench.away.add(bench.replicaId);
    started();
    await passThrough();
    expect(reads).toEqual({ primary: 100, replica: 0, other: 100 });
    expect(views()['replica']).toMatchObject({ state: 'waiting', error: { code: 'store_unreachable' } });
    expect(bench.openings.filter((storeId) => storeId === bench.replicaId)).toHaveLength(1);
    bench.away.clear();
    await pass(31_000);
    await passThrough();
    expect(views()['replica']).toMatchObject({ objects: 100, error: undefined, lastCompletedAtMs: expect.any(Number) });
  });

  it('goes on behind a restart where it was', async () => {
    await bench.hold(...files(320));
    started(MIB);
    await pass(10_000);
    await pass(3_000);
    await scrubber.stop();
    const before = { ...reads };
    const begun = views()['replica']!;
    expect(before['replica']).toBeGreaterThan(0);
    expect(before['replica']).toBeLessThan(320);
    started();
    expect(views()['replica']).toMatchObject({ objects: begun.objects, passStartedAtMs: begun.passStartedAtMs });
    await pass(10_000);
    await passThrough();
    expect(reads).toEqual({ primary: 320, replica: 320, other: 320 });
    expect(views()['replica']).toMatchObject({ objects: 320, passStartedAtMs: begun.passStartedAtMs });
  });

  it('turned off reads nothing but what is asked for', async () => {
    await bench.hold(...files(3));
    started(0);
    await pass(20_000);
    expect([reads, views()['primary']!.state]).toEqual([{ primary: 0, replica: 0, other: 0 }, 'off']);
    const run = scrubber.readAll(['replica']);
    expect(views()['replica']!.state).toBe('running');
    await passThrough();
    await run.finished;
    expect(reads).toEqual({ primary: 0, replica: 3, other: 0 });
    expect(views()['replica']).toMatchObject({ state: 'off', objects: 3, lastCompletedAtMs: expect.any(Number) });
  });
});

it('stops in time while a store hangs', async () => {
  await bench.hold(...files(3));
  started();
  const { promise: hang, resolve: answer } = Promise.withResolvers<void>();
  bench.before = () => hang;
  await pass(11_000);
  const stopped = scrubber.stop();
  await vi.advanceTimersByTimeAsync(1_000);
  await expect(stopped).resolves.toBeUndefined();
  answer();
});

describe('a full read', () => {
  it('is joined by who asks for the same store, and counts as a pass', async () => {
    await bench.hold(...files(3));
    started();
    const [one, all] = [scrubber.readAll(['replica']), scrubber.readAll()];
    expect(all.reads[1]).toBe(one.reads[0]);
    await passThrough();
    await Promise.all([one.finished, all.finished]);
    expect([one.progress(), all.progress(), all.total]).toEqual([{ done: 1, failed: 0 }, { done: 3, failed: 0 }, 3]);
    await passThrough();
    expect(reads).toEqual({ primary: 3, replica: 3, other: 3 });
  });

  it('of a store that cannot be read fails, and the others are read', async () => {
    await bench.hold(...files(3));
    started();
    bench.away.add(bench.primaryId);
    const run = scrubber.readAll();
    await passThrough();
    await run.finished;
    expect(run.progress()).toEqual({ done: 2, failed: 1 });
    expect(run.reads[0]!.error).toMatchObject({ code: 'store_unreachable' });
  });

  it('of what is no store is refused', () => {
    expect(() => started().readAll(['nowhere'])).toThrow(expect.objectContaining({ code: 'replica_not_found' }));
  });

  it('ends with the server', async () => {
    started();
    const run = scrubber.readAll();
    await scrubber.stop();
    await run.finished;
    await scrubber.readAll().finished;
    expect(run.progress().done + run.progress().failed).toBe(3);
    expect(run.reads.at(-1)!.error).toMatchObject({ code: 'shutting_down' });
  });
});
