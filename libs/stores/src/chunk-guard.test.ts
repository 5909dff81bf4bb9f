import { newFileId } from '#libs/kernel';
import type { ChunkId } from '#libs/kernel';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ChunkGuard } from './chunk-guard.js';

const [A, B, C] = ['a', 'b', 'c'].map((digit) => digit.repeat(64)) as [ChunkId, ChunkId, ChunkId];

/** A collection that stays under way until it is told to end. */
function openCollection(guard: ChunkGuard, chunkIds: readonly ChunkId[]) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let unpinned: readonly ChunkId[] | undefined;
  const ended = guard.collect(chunkIds, async (free) => {
    unpinned = free;
    await promise;
  });
  return { ended, end: resolve, fail: reject, unpinned: () => unpinned };
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  for (let turn = 0; turn < 5; turn += 1) await setImmediate();
  return !settled;
}

describe('a pin', () => {
  it('keeps its chunks out of every collection until it ends', async () => {
    const guard = new ChunkGuard();
    const owner = newFileId(1);
    await guard.pin(owner, [A, B]);
    expect(await guard.collect([A, B, C], async (free) => free)).toEqual([C]);
    guard.unpin(owner);
    expect(await guard.collect([A, B, C], async (free) => free)).toEqual([A, B, C]);
  });

  it('ends for its owner alone, however often a chunk stands in a file', async () => {
    const guard = new ChunkGuard();
    const [first, second] = [newFileId(1), newFileId(1)];
    await guard.pin(first, [A, A, B]);
    await guard.pin(second, [A]);
    guard.unpin(first);
    expect([guard.isPinned(A), guard.isPinned(B)]).toEqual([true, false]);
    guard.unpin(first);
    expect(guard.isPinned(A)).toBe(true);
    guard.unpin(second);
    expect(guard.isPinned(A)).toBe(false);
  });

  it('of an owner that pins twice covers both', async () => {
    const guard = new ChunkGuard();
    const owner = Symbol('reader');
    await guard.pin(owner, [A]);
    await guard.pin(owner, [B]);
    expect(await guard.collect([A, B], async (free) => free)).toEqual([]);
    guard.unpin(owner);
    expect(await guard.collect([A, B], async (free) => free)).toEqual([A, B]);
  });

  it('waits for a collection that has hold of one of its chunks, and for no other', async () => {
    const guard = new ChunkGuard();
    const collection = openCollection(guard, [A, B]);
    const waiting = guard.pin(newFileId(1), [C, B]);
    await guard.pin(newFileId(1), [C]);
    expect(await isPending(waiting)).toBe(true);
    collection.end();
    await waiting;
  });

  it('does not wait for a collection that left its chunk out', async () => {
    const guard = new ChunkGuard();
    await guard.pin(newFileId(1), [A]);
    const collection = openCollection(guard, [A, B]);
    await guard.pin(newFileId(1), [A]);
    expect(collection.unpinned()).toEqual([B]);
    expect(await isPending(collection.ended)).toBe(true);
    collection.end();
  });

  it('that waits keeps the next collection away from its chunk, also one that waited before it', async () => {
    const guard = new ChunkGuard();
    const first = openCollection(guard, [A]);
    const second = openCollection(guard, [A, B, C]);
    const waiting = guard.pin(newFileId(1), [A, B]);
    first.end();
    await waiting;
    await expect.poll(() => second.unpinned()).toEqual([C]);
    second.end();
  });

  it('goes on where the collection that it waited for failed', async () => {
    const guard = new ChunkGuard();
    const collection = openCollection(guard, [A]);
    const waiting = guard.pin(newFileId(1), [A]);
    collection.fail(new Error('EIO'));
    await expect(collection.ended).rejects.toThrow('EIO');
    await waiting;
    expect(await guard.collect([A], async (free) => free)).toEqual([]);
  });
});

describe('a collection', () => {
  it('looks at the pins in the turn in which its task begins', async () => {
    const guard = new ChunkGuard();
    let begun = false;
    const collecting = guard.collect([A], async () => void (begun = true));
    // No pin can come between.
    expect(begun).toBe(true);
    await collecting;
  });

  it('runs alone', async () => {
    const guard = new ChunkGuard();
    const first = openCollection(guard, [A]);
    const others = [openCollection(guard, [B]), openCollection(guard, [C])];
    expect(await isPending(others[0]!.ended)).toBe(true);
    expect(others.map((other) => other.unpinned())).toEqual([undefined, undefined]);
    first.end();
    await expect.poll(() => others[0]!.unpinned()).toEqual([B]);
    expect(others[1]!.unpinned()).toBeUndefined();
    others[0]!.end();
    await expect.poll(() => others[1]!.unpinned()).toEqual([C]);
    others[1]!.end();
  });
});

describe('an abandoned upload', () => {
  it('has no pins any more, and its chunks are told once', async () => {
    const guard = new ChunkGuard();
    const owner = newFileId(1);
    await guard.pin(owner, [A, B, C]);
    guard.abandon(owner);
    guard.abandon(newFileId(1));
    expect(guard.isPinned(A)).toBe(false);
    expect([guard.takeAbandoned(2), guard.takeAbandoned(2), guard.takeAbandoned(2)]).toEqual([[A, B], [C], []]);
  });

  it('takes no more memory where nobody asks', async () => {
    const guard = new ChunkGuard();
    for (let upload = 0; upload < 3; upload += 1) {
      const owner = newFileId(1);
      await guard.pin(owner, Array<ChunkId>(8_000).fill(A));
      guard.abandon(owner);
    }
    expect(guard.takeAbandoned(Infinity)).toHaveLength(16_384);
    expect(guard.isPinned(A)).toBe(false);
  });
});
