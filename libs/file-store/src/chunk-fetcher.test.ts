import { CrashFileSystem } from '#libs/durable-fs/testing';
import type { DiskSnapshot } from '#libs/durable-fs/testing';
import type { OpenFile } from '#libs/durable-fs';
import { newFileId, StoreError } from '#libs/kernel';
import type { ChunkEntry } from '#libs/kernel';
import { PrimaryStore } from '#libs/stores';
import { crashPrimary, STORE_PATH, TEST_IDENTITY } from '#libs/stores/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChunkFetcher } from './chunk-fetcher.js';
import { planRead } from './read-plan.js';
import { TransferBuffers } from './transfer-buffers.js';

const CHUNK_BYTES = 64;

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
};

/** A disk on which each file takes its own number of turns to open, so that fetches overtake each other. */
class UnevenFileSystem extends CrashFileSystem {
  readonly #delays: readonly number[];
  #opened = 0;
  #opening = 0;
  mostOpening = 0;

  constructor(snapshot: DiskSnapshot, delays: readonly number[]) {
    super({ snapshot });
    this.#delays = delays;
  }

  get opened(): number {
    return this.#opened;
  }

  override async openRead(path: string): Promise<OpenFile> {
    this.#opening += 1;
    this.mostOpening = Math.max(this.mostOpening, this.#opening);
    await turns(this.#delays[this.#opened++ % this.#delays.length] ?? 0);
    this.#opening -= 1;
    return super.openRead(path);
  }
}

interface StoredFile {
  readonly fs: UnevenFileSystem;
  readonly store: PrimaryStore;
  readonly chunks: readonly ChunkEntry[];
  readonly bytes: Buffer;
}

/** A file of `count` chunks, each different, the last one shorter. */
async function storedFile(count: number, delays: readonly number[] = []): Promise<StoredFile> {
  const { fs, primary } = await crashPrimary();
  const bytes = Buffer.from(Array.from({ length: count * CHUNK_BYTES - 5 }, (_, at) => (at * 7 + (at >> 6)) % 251));
  const chunks: ChunkEntry[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const staged = await primary.staging.stage(bytes.subarray(at, at + CHUNK_BYTES));
    await primary.staging.publish(newFileId(1), [staged]);
    chunks.push(staged.entry);
  }
  const uneven = new UnevenFileSystem(fs.snapshot(), delays);
  return { fs: uneven, store: new PrimaryStore(uneven, STORE_PATH, TEST_IDENTITY), chunks, bytes };
}

const buffersFor = (count: number, waitMs = 1000): TransferBuffers =>
  new TransferBuffers({ budgetBytes: count * CHUNK_BYTES, pooledSizeBytes: CHUNK_BYTES, waitMs });

/** Reads all parts, as a download does; answers with the bytes, or with what came before the error. */
async function readAll(
  fetcher: ChunkFetcher,
  eachPart: (index: number) => Promise<void> = async () => undefined,
): Promise<{ bytes: Buffer; error: unknown }> {
  const pieces: Buffer[] = [];
  const running = fetcher.run();
  let error: unknown;
  try {
    for (let part = await fetcher.next(); part !== undefined; part = await fetcher.next()) {
      await eachPart(pieces.length);
      pieces.push(Buffer.concat(part.pieces));
      part.release();
    }
  } catch (cause) {
    error = cause;
  }
  await fetcher.cancel();
  await running;
  return { bytes: Buffer.concat(pieces), error };
}

describe('fetching chunks', () => {
  it('hands out any range in order, however fetches overtake each other and however little memory there is', async () => {
    const file = await storedFile(12);
    const [anyDelays, anyAt] = [fc.array(fc.nat({ max: 30 }), { minLength: 1 }), fc.nat({ max: file.bytes.length })];
    const anyCount = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(anyDelays, anyAt, anyAt, anyCount, anyCount, async (delays, from, to, budget, parallelism) => {
        const range = { start: Math.min(from, to), end: Math.max(from, to) };
        const fs = new UnevenFileSystem(file.fs.snapshot(), delays);
        const store = new PrimaryStore(fs, STORE_PATH, TEST_IDENTITY);
        const buffers = buffersFor(budget);
        const fetcher = new ChunkFetcher(planRead(file.chunks, [range]), { store, buffers, parallelism });
        let mostUsed = 0;
        const { bytes, error } = await readAll(fetcher, async (index) => {
          mostUsed = Math.max(mostUsed, buffers.usedBytes);
          await turns(index % 5);
        });
        expect(error).toBeUndefined();
        expect(bytes.equals(file.bytes.subarray(range.start, range.end))).toBe(true);
        expect(mostUsed).toBeLessThanOrEqual(Math.min(parallelism, budget) * CHUNK_BYTES);
        expect(buffers.usedBytes).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it.each([
    [1, 8, 1],
    [3, 8, 3],
    [8, 8, 8],
    [8, 2, 2],
    [8, 1, 1],
  ])('with a parallelism of %i and room for %i buffers has %i in flight', async (parallelism, room, expected) => {
    const { fs, store, chunks, bytes } = await storedFile(20, [50]);
    const fetcher = new ChunkFetcher(planRead(chunks, [{ start: 0, end: bytes.length }]), {
      store,
      buffers: buffersFor(room),
      parallelism,
    });
    const read = await readAll(fetcher);
    expect(read.bytes.equals(bytes)).toBe(true);
    expect(fs.mostOpening).toBe(expected);
  });

  it('fetches ahead no further than its window while the reader is slow', async () => {
    const { store, chunks, bytes } = await storedFile(20);
    const buffers = buffersFor(20);
    const fetcher = new ChunkFetcher(planRead(chunks, [{ start: 0, end: bytes.length }]), {
      store,
      buffers,
      parallelism: 4,
    });
    const running = fetcher.run();
    const first = await fetcher.next();
    await turns(200);
    expect(buffers.usedBytes).toBe(4 * CHUNK_BYTES);
    first!.release();
    await fetcher.cancel();
    await running;
    expect(buffers.usedBytes).toBe(0);
  });

  it('reads a chunk once for all ranges that follow each other in it', async () => {
    const { fs, store, chunks, bytes } = await storedFile(3);
    const ranges = [
      { start: 0, end: 2 },
      { start: 10, end: 12 },
      { start: 60, end: 66 },
      { start: 70, end: 71 },
      { start: 5, end: 6 },
    ];
    const fetcher = new ChunkFetcher(planRead(chunks, ranges), { store, buffers: buffersFor(4), parallelism: 4 });
    const read = await readAll(fetcher);
    expect(read.bytes.equals(Buffer.concat(ranges.map(({ start, end }) => bytes.subarray(start, end))))).toBe(true);
    // The first one, the second one, and the first one again.
    expect(fs.opened).toBe(3);
  });

  it('two reads finish with one buffer between them, in turn', async () => {
    const { store, chunks, bytes } = await storedFile(10, [3, 11, 2]);
    const buffers = buffersFor(1);
    const parts = planRead(chunks, [{ start: 0, end: bytes.length }]);
    const reads = [1, 2, 3].map((parallelism) => readAll(new ChunkFetcher(parts, { store, buffers, parallelism })));
    for (const read of await Promise.all(reads)) expect(read.bytes.equals(bytes)).toBe(true);
    expect(buffers.usedBytes).toBe(0);
  });

  it('keeps its one buffer to the end, however many wait for their first', async () => {
    const { store, chunks, bytes } = await storedFile(3);
    const buffers = buffersFor(1, 20);
    const parts = planRead(chunks, [{ start: 0, end: bytes.length }]);
    const fetcher = new ChunkFetcher(parts, { store, buffers, parallelism: 4 });
    const running = fetcher.run();
    const first = await fetcher.next();
    const stranger = buffers.take(CHUNK_BYTES);
    first!.release();
    const second = await fetcher.next();
    await expect(stranger).rejects.toMatchObject({ code: 'overloaded' });
    second!.release();
    (await fetcher.next())!.release();
    await running;
    expect(buffers.usedBytes).toBe(0);
  });

  it('a chunk larger than the whole budget is read with all of it', async () => {
    const { store, chunks, bytes } = await storedFile(3);
    const buffers = new TransferBuffers({ budgetBytes: 10, pooledSizeBytes: 10, waitMs: 1000 });
    const parts = planRead(chunks, [{ start: 0, end: bytes.length }]);
    expect((await readAll(new ChunkFetcher(parts, { store, buffers, parallelism: 4 }))).bytes.equals(bytes)).toBe(true);
    expect(buffers.usedBytes).toBe(0);
  });

  it('nothing is handed out of nothing', async () => {
    const { store } = await storedFile(1);
    const fetcher = new ChunkFetcher([], { store, buffers: buffersFor(1), parallelism: 4 });
    expect(await readAll(fetcher)).toEqual({ bytes: Buffer.alloc(0), error: undefined });
  });

  it('fails as overloaded where no memory comes free in time', async () => {
    const { store, chunks, bytes } = await storedFile(3);
    const buffers = buffersFor(1, 20);
    const held = await buffers.take(CHUNK_BYTES);
    const parts = planRead(chunks, [{ start: 0, end: bytes.length }]);
    const { error } = await readAll(new ChunkFetcher(parts, { store, buffers, parallelism: 4 }));
    expect(StoreError.is(error, 'overloaded')).toBe(true);
    held.release();
    expect(buffers.usedBytes).toBe(0);
  });
});

describe('a chunk that cannot be read', () => {
  const FAULTS: readonly [string, string, (file: StoredFile, index: number) => Promise<void>][] = [
    [
      'missing',
      'chunk_missing',
      async ({ store, chunks }, index) => store.delete({ kind: 'chunk', id: chunks[index]!.chunkId }),
    ],
    [
      'rotten',
      'chunk_corrupt',
      async ({ fs, store, chunks }, index) => fs.rot(store.pathOf({ kind: 'chunk', id: chunks[index]!.chunkId }), 3),
    ],
    [
      'cut',
      'chunk_corrupt',
      async ({ store, chunks }, index) => store.put({ kind: 'chunk', id: chunks[index]!.chunkId }, Buffer.alloc(7)),
    ],
    [
      'empty',
      'chunk_corrupt',
      async ({ store, chunks }, index) => store.put({ kind: 'chunk', id: chunks[index]!.chunkId }, Buffer.alloc(0)),
    ],
  ];

  it.each(FAULTS)(
    '%s: what is before it is delivered, then the error, and the memory comes back',
    async (_name, code, damage) => {
      for (const [broken, parallelism, budget] of [
        [0, 4, 4],
        [5, 1, 1],
        [5, 4, 1],
        [5, 4, 8],
        [9, 4, 8],
      ] as const) {
        const file = await storedFile(10, [9, 0, 4]);
        await damage(file, broken);
        const buffers = buffersFor(budget);
        const parts = planRead(file.chunks, [{ start: 0, end: file.bytes.length }]);
        const { bytes, error } = await readAll(new ChunkFetcher(parts, { store: file.store, buffers, parallelism }));
        expect(bytes.equals(file.bytes.subarray(0, broken * CHUNK_BYTES))).toBe(true);
        expect(error).toMatchObject({ code, context: { chunk_index: broken, chunk_id: file.chunks[broken]!.chunkId } });
        expect(buffers.usedBytes).toBe(0);
      }
    },
  );

  it('gives the error of the disk, where that is what failed', async () => {
    const { fs, store, chunks, bytes } = await storedFile(4);
    fs.failNext({ operation: 'read', errorCode: 'EIO', after: 2 });
    const parts = planRead(chunks, [{ start: 0, end: bytes.length }]);
    const read = await readAll(new ChunkFetcher(parts, { store, buffers: buffersFor(1), parallelism: 2 }));
    expect(read.error).toMatchObject({ code: 'EIO' });
    expect(read.bytes).toHaveLength(2 * CHUNK_BYTES);
  });

  it('rejects nowhere unhandled while the reader is busy with an earlier one', async () => {
    const file = await storedFile(4);
    await file.store.delete({ kind: 'chunk', id: file.chunks[1]!.chunkId });
    const parts = planRead(file.chunks, [{ start: 0, end: file.bytes.length }]);
    const fetcher = new ChunkFetcher(parts, { store: file.store, buffers: buffersFor(4), parallelism: 4 });
    // A macrotask with a rejected promise that nobody waits for would be an unhandled rejection, and fail the run.
    const { error } = await readAll(fetcher, () => new Promise((resolve) => setTimeout(resolve, 5)));
    expect(StoreError.is(error, 'chunk_missing')).toBe(true);
  });
});

describe('cancelling', () => {
  /** Bytes still lent after a read of `handedOut` parts was cancelled `ticks` turns later. */
  async function lentAfterCancel(file: StoredFile, ticks: number, handedOut: number, room: number): Promise<number> {
    const buffers = buffersFor(room);
    const parts = planRead(file.chunks, [{ start: 0, end: file.bytes.length }]);
    const fetcher = new ChunkFetcher(parts, { store: file.store, buffers, parallelism: 3 });
    const running = fetcher.run();
    for (let index = 0; index < handedOut; index += 1) (await fetcher.next())!.release();
    await turns(ticks);
    await fetcher.cancel();
    await running;
    return buffers.usedBytes;
  }

  it('at any moment gives all memory back', async () => {
    const file = await storedFile(8, [2, 9, 5]);
    const leaks: string[] = [];
    for (const room of [1, 2, 8]) {
      for (let handedOut = 0; handedOut < 3; handedOut += 1) {
        for (let ticks = 0; ticks < 40; ticks += 1) {
          const lent = await lentAfterCancel(file, ticks, handedOut, room);
          if (lent > 0) leaks.push(`${lent} bytes, ${ticks} turns after ${handedOut} parts, room for ${room}`);
        }
      }
    }
    expect(leaks).toEqual([]);
  });

  it('ends a wait for memory, which then is not taken', async () => {
    const { store, chunks, bytes } = await storedFile(3);
    const buffers = buffersFor(1);
    const held = await buffers.take(CHUNK_BYTES);
    const fetcher = new ChunkFetcher(planRead(chunks, [{ start: 0, end: bytes.length }]), {
      store,
      buffers,
      parallelism: 2,
    });
    const running = fetcher.run();
    await turns(10);
    await fetcher.cancel();
    held.release();
    await running;
    expect(buffers.usedBytes).toBe(0);
  });

  it('starts no more fetches', async () => {
    const { fs, store, chunks, bytes } = await storedFile(20, [5]);
    const fetcher = new ChunkFetcher(planRead(chunks, [{ start: 0, end: bytes.length }]), {
      store,
      buffers: buffersFor(20),
      parallelism: 2,
    });
    const running = fetcher.run();
    (await fetcher.next())!.release();
    await fetcher.cancel();
    fs.failNext({ operation: 'openRead', errorCode: 'EIO', times: Infinity });
    await expect(running).resolves.toBeUndefined();
  });
});
