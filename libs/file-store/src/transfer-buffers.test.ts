import { describe, expect, it } from 'vitest';
import { TransferBuffers } from './transfer-buffers.js';

const SIZE_BYTES = 64;
const COUNT = 4;

const buffersFor = (budgetBytes: number): TransferBuffers =>
  new TransferBuffers({ budgetBytes, pooledSizeBytes: SIZE_BYTES, waitMs: 1_000 });

describe('the memory of transfers', () => {
  it('lends as many buffers as the budget holds, none of which shares a byte with another', async () => {
    const buffers = buffersFor(COUNT * SIZE_BYTES);
    const lent = await Promise.all(Array.from({ length: COUNT }, () => buffers.take(SIZE_BYTES)));
    expect(buffers.tryTake(SIZE_BYTES)).toBeUndefined();
    for (const [index, { bytes }] of lent.entries()) bytes.fill(index);
    for (const [index, { bytes }] of lent.entries()) expect(bytes).toEqual(Buffer.alloc(SIZE_BYTES, index));
  });

  it('lends the memory again that was given back, also after buffers of other sizes', async () => {
    const buffers = buffersFor(COUNT * SIZE_BYTES);
    const memory = new Set<number>();
    for (let round = 0; round < 3 * COUNT; round += 1) {
      const other = await buffers.take(SIZE_BYTES / 2);
      const lent = await buffers.take(SIZE_BYTES);
      expect([other.bytes.length, lent.bytes.length]).toEqual([SIZE_BYTES / 2, SIZE_BYTES]);
      memory.add(lent.bytes.byteOffset);
      lent.release();
      other.release();
    }
    expect(memory.size).toBe(1);
    expect(buffers.usedBytes).toBe(0);
  });

  it('gives a chunk that is larger than the whole budget all of it, and its length', async () => {
    const buffers = buffersFor(SIZE_BYTES);
    const { bytes, release } = await buffers.take(3 * SIZE_BYTES);
    expect([bytes.length, buffers.usedBytes]).toEqual([3 * SIZE_BYTES, SIZE_BYTES]);
    release();
  });
});
