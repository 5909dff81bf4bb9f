import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { forEachConcurrently } from './concurrency.js';

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await Promise.resolve();
};

describe('forEachConcurrently', () => {
  it('runs every item once, never more than the limit at a time, and fills the limit', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat({ max: 5 }), { maxLength: 40 }),
        fc.integer({ min: 1, max: 8 }),
        async (waits, limit) => {
          let running = 0;
          let most = 0;
          const done: number[] = [];
          await forEachConcurrently(waits.entries(), limit, async ([index, wait]) => {
            running += 1;
            most = Math.max(most, running);
            await turns(wait);
            running -= 1;
            done.push(index);
          });
          expect(done.sort((a, b) => a - b)).toEqual([...waits.keys()]);
          expect(most).toBe(Math.min(limit, waits.length));
        },
      ),
    );
  });

  it('starts items in their order', async () => {
    const started: number[] = [];
    await forEachConcurrently([1, 2, 3, 4, 5], 2, async (item) => void started.push(item));
    expect(started).toEqual([1, 2, 3, 4, 5]);
  });

  it('rejects only when all that had started has settled, with the first failure', async () => {
    const settled: string[] = [];
    const running = forEachConcurrently([20, 1, 5, 1], 3, async (wait) => {
      await turns(wait);
      settled.push(`${wait}`);
      if (wait < 20) throw new Error(`failure after ${wait}`);
    });
    await expect(running).rejects.toThrow('failure after 1');
    expect(settled).toEqual(['1', '5', '20']);
  });

  it('starts nothing after a failure', async () => {
    const started: number[] = [];
    const running = forEachConcurrently([1, 2, 3, 4, 5, 6], 2, async (item) => {
      started.push(item);
      await turns(item);
      if (item === 1) throw new Error('the first');
    });
    await expect(running).rejects.toThrow('the first');
    expect(started).toEqual([1, 2]);
  });

  it('takes undefined thrown for a failure too', async () => {
    const failing = forEachConcurrently([1], 1, () => Promise.reject(undefined as unknown as Error));
    await expect(failing).rejects.toBeUndefined();
  });

  it('takes no items after a failure, so that a long source is no harm', async () => {
    let taken = 0;
    function* source(): Generator<number> {
      for (; taken < 10_000; taken += 1) yield taken;
    }
    const running = forEachConcurrently(source(), 4, async (item) => {
      if (item === 100) throw new Error('enough');
    });
    await expect(running).rejects.toThrow('enough');
    expect(taken).toBeLessThan(110);
  });

  it('is done at once with nothing to do', async () => {
    await expect(forEachConcurrently([], 3, () => Promise.reject(new Error('called')))).resolves.toBeUndefined();
  });
});
