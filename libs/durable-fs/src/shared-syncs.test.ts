import { Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { FileSystemSyncs, SyncOrder } from './file-system-sync.js';
import { serveSyncs, SyncsElsewhere } from './shared-syncs.js';

const ORDER: SyncOrder = { path: '/store', device: 7, sinceNs: 5n };

/** A channel of its own, with `syncs` at its end. */
function channelTo(syncs: FileSystemSyncs): SyncsElsewhere {
  const name = crypto.randomUUID();
  const served = serveSyncs(name, syncs);
  const elsewhere = new SyncsElsewhere(name);
  onTestFinished(() => {
    served.end();
    elsewhere.end();
  });
  return elsewhere;
}

describe('syncs of another thread', () => {
  it('are those of the thread that serves them, as they were ordered', async () => {
    const orders: SyncOrder[] = [];
    const elsewhere = channelTo({ run: async (order) => void orders.push(order) });
    await elsewhere.run(ORDER);
    expect(orders).toEqual([ORDER]);
  });

  it.each(['EIO', 'ENOENT', 'ENOSYS'])('fail by %s as they failed there', async (code) => {
    const elsewhere = channelTo({ run: () => Promise.reject(Object.assign(new Error(code), { code })) });
    await expect(elsewhere.run(ORDER)).rejects.toMatchObject({ code, syscall: 'syncfs', path: '/store' });
  });

  it('fail by EIO where they failed by something unheard of', async () => {
    const elsewhere = channelTo({ run: () => Promise.reject(new TypeError('a mistake')) });
    await expect(elsewhere.run(ORDER)).rejects.toMatchObject({ code: 'EIO' });
  });

  it('are each answered with their own answer, also where two threads ask at once', async () => {
    const name = crypto.randomUUID();
    const holds = new Map<string, () => void>();
    const served = serveSyncs(name, {
      run: ({ path }) => new Promise((resolve) => holds.set(path, resolve)),
    });
    const [one, other] = [new SyncsElsewhere(name), new SyncsElsewhere(name)];
    onTestFinished(() => [served, one, other].forEach((end) => end.end()));
    const answered: string[] = [];
    const ones = one.run({ ...ORDER, path: '/one' }).then(() => answered.push('one'));
    const others = other.run({ ...ORDER, path: '/other' }).then(() => answered.push('other'));
    await expect.poll(() => holds.size).toBe(2);
    holds.get('/other')!();
    await others;
    expect(answered).toEqual(['other']);
    holds.get('/one')!();
    await ones;
  });

  // The time of one thread is compared with that of another.
  it('and this thread have one clock', async () => {
    const before = process.hrtime.bigint();
    const worker = new Worker("require('node:worker_threads').parentPort.postMessage(process.hrtime.bigint())", {
      eval: true,
    });
    const there = await new Promise<bigint>((resolve) => worker.once('message', resolve));
    await worker.terminate();
    expect(there).toBeGreaterThan(before);
    expect(process.hrtime.bigint()).toBeGreaterThan(there);
  });
});
