import { describe, expect, it } from 'vitest';
import { fileOf, putInto, TransferBench } from '../testing/src/index.js';
import { MAX_BATCH_BYTES } from './copy-chunks.js';

const CHUNK_BYTES = 512 * 1024;

describe('the memory of a copy', () => {
  it('is four batches, however long the file', async () => {
    const bench = await TransferBench.make();
    const chunks = Array.from({ length: 40 }, (_, index) => Buffer.alloc(CHUNK_BYTES, `chunk ${index} `));
    const file = fileOf(chunks);
    await putInto(bench.source, file);
    let heldBytes = 0;
    let mostBytes = 0;
    const result = await bench.run(bench.job('copy', [file]), {
      watch: {
        after: async ({ method, storeName, keys }) => {
          if (keys[0]?.kind !== 'chunk') return;
          if (method === 'get' && storeName === 'source') heldBytes += CHUNK_BYTES;
          mostBytes = Math.max(mostBytes, heldBytes);
          if (method === 'putAll') heldBytes -= keys.length * CHUNK_BYTES;
        },
      },
    });
    expect(result.items[0]?.outcome).toBe('done');
    expect(heldBytes).toBe(0);
    expect(mostBytes).toBeGreaterThan(MAX_BATCH_BYTES / 2);
    expect(mostBytes).toBeLessThanOrEqual(4 * MAX_BATCH_BYTES);
  });
});
