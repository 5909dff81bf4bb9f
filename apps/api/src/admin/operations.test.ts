import { describe, expect, it } from 'vitest';
import { Operations } from './operations.js';
import type { RunningWork } from './operations.js';

interface TestWork extends RunningWork {
  done: number;
  failed: number;
  end(): void;
}

function workOf(total: number): TestWork {
  const { promise: finished, resolve: end } = Promise.withResolvers<void>();
  const work = { total, done: 0, failed: 0, finished, end, progress: () => ({ done: work.done, failed: work.failed }) };
  return work;
}

describe('an operation', () => {
  it('is told as it goes, and ends done or failed', async () => {
    const operations = new Operations();
    const [whole, half] = [workOf(2), workOf(2)];
    const ids = [whole, half].map((work) => operations.begin('replicas_sync', work));
    whole.done = 1;
    expect(operations.view(ids[0]!)).toMatchObject({ kind: 'replicas_sync', state: 'running', done: 1, total: 2 });
    whole.done = 2;
    half.done = 1;
    half.failed = 1;
    for (const work of [whole, half]) work.end();
    await Promise.all([whole.finished, half.finished]);
    expect(ids.map((id) => operations.view(id).state)).toEqual(['done', 'failed']);
  });

  it('that ended is forgotten behind a hundred later ones, one that runs is not', async () => {
    const operations = new Operations();
    const running = operations.begin('replicas_sync', workOf(1));
    const ended = workOf(0);
    ended.end();
    const first = operations.begin('replicas_sync', ended);
    for (let count = 0; count < 110; count += 1) operations.begin('replicas_sync', ended);
    await ended.finished;
    await Promise.resolve();
    expect(operations.view(running).state).toBe('running');
    expect(() => operations.view(first)).toThrow(expect.objectContaining({ code: 'operation_not_found' }));
  });
});
