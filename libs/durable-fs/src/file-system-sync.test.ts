import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { FileSystemSync } from './file-system-sync.js';
import type { FailedSync } from './file-system-sync.js';
import type { SyncAnswer } from './sync-shell.js';

const [DISK, OTHER_DISK] = [1, 2];

interface Asked {
  readonly path: string;
  readonly answer: (answer: SyncAnswer) => void;
}

/** Syncs that a test answers; of every path it is known on which device it is by then. */
class HeldSyncs {
  readonly asked: Asked[] = [];
  readonly devices = new Map<string, number>();

  sync(path: string): Promise<SyncAnswer> {
    const { promise, resolve } = Promise.withResolvers<SyncAnswer>();
    this.asked.push({ path, answer: resolve });
    return promise;
  }

  async deviceOf(path: string): Promise<number | undefined> {
    return this.devices.get(path) ?? DISK;
  }

  get paths(): string[] {
    return this.asked.map(({ path }) => path);
  }
}

let held: HeldSyncs;
let sync: FileSystemSync;

beforeEach(() => {
  held = new HeldSyncs();
  sync = new FileSystemSync({ sync: (path) => held.sync(path), deviceOf: (path) => held.deviceOf(path) });
});

const settle = (): Promise<void> => sleep(1);
const now = (): bigint => process.hrtime.bigint();

/** What becomes of a call, as far as it is known by now. */
function outcomeOf(call: Promise<void>): { now: string } {
  const outcome = { now: 'waits' };
  call.then(
    () => (outcome.now = 'synced'),
    (error: { code: string }) => (outcome.now = error.code),
  );
  return outcome;
}

const start = (path: string, device = DISK): { now: string } => outcomeOf(sync.run({ path, device }));

async function answer(index: number, given: SyncAnswer): Promise<void> {
  held.asked[index]!.answer(given);
  await settle();
}

describe('syncs of one device at once', () => {
  it('who comes while one runs has no part in it: it may have begun before what he wrote', async () => {
    const first = start('/a');
    await settle();
    const late = start('/b');
    await answer(0, 'synced');
    expect([first.now, late.now]).toEqual(['synced', 'waits']);
    await answer(1, 'synced');
    expect(late.now).toBe('synced');
  });

  it('all who come while one runs share the next, which begins behind the last of them', async () => {
    start('/a');
    const others = ['/b', '/c', '/d'].map((path) => start(path));
    await settle();
    expect(held.paths).toEqual(['/a']);
    await answer(0, 'synced');
    expect(held.paths).toEqual(['/a', '/b']);
    await answer(1, 'synced');
    expect(others.map((other) => other.now)).toEqual(['synced', 'synced', 'synced']);
    expect(held.paths).toHaveLength(2);
  });

  it('one that hangs holds nobody of another device', async () => {
    const hung = start('/a');
    const behind = start('/b');
    const other = start('/c', OTHER_DISK);
    held.devices.set('/c', OTHER_DISK);
    await answer(1, 'synced');
    expect([hung.now, behind.now, other.now]).toEqual(['waits', 'waits', 'synced']);
  });

  it('one by a path that went away meanwhile fails for that path, and the others have one by their own', async () => {
    start('/a');
    const [gone, there] = [start('/gone'), start('/there')];
    await answer(0, 'synced');
    await answer(1, 'unopened');
    expect([gone.now, there.now]).toEqual(['ENOENT', 'waits']);
    await answer(2, 'synced');
    expect(there.now).toBe('synced');
    expect(held.paths).toEqual(['/a', '/gone', '/there']);
  });

  it('one by a path that leads to another disk by now has synced that one, and counts for nobody', async () => {
    start('/a');
    const [moved, there] = [start('/moved'), start('/there')];
    await answer(0, 'synced');
    held.devices.set('/moved', OTHER_DISK);
    await answer(1, 'synced');
    expect([moved.now, there.now]).toEqual(['ENOENT', 'waits']);
  });

  it('without such a program are not possible, and nobody is told of a failure', async () => {
    const told: FailedSync[] = [];
    sync.listen((failed) => told.push(failed));
    const first = start('/a');
    await answer(0, 'no_program');
    expect(first.now).toBe('ENOSYS');
    expect(told).toEqual([]);
  });
});

// Linux tells an error of a write-back to one of them, whoever lost the bytes.
describe('a sync that fails', () => {
  it('fails for all who take part in it', async () => {
    start('/a');
    const [one, other] = [start('/b'), start('/c')];
    await answer(0, 'synced');
    await answer(1, 'failed');
    expect([one.now, other.now]).toEqual(['EIO', 'EIO']);
  });

  it('fails for all who wait behind it', async () => {
    const [first, behind] = [start('/a'), start('/b')];
    await answer(0, 'failed');
    expect([first.now, behind.now]).toEqual(['EIO', 'EIO']);
    expect(held.paths).toEqual(['/a']);
  });

  it('fails for who had begun to write before it ended, and comes later', async () => {
    const sinceNs = now();
    start('/a');
    await answer(0, 'failed');
    const late = outcomeOf(sync.run({ path: '/b', device: DISK, sinceNs }));
    await settle();
    expect(late.now).toBe('EIO');
    expect(held.paths).toEqual(['/a']);
  });

  it('is over for who begins to write behind it', async () => {
    start('/a');
    await answer(0, 'failed');
    const later = outcomeOf(sync.run({ path: '/b', device: DISK, sinceNs: now() }));
    await answer(1, 'synced');
    expect(later.now).toBe('synced');
  });

  it('says nothing of another device', async () => {
    const sinceNs = now();
    held.devices.set('/b', OTHER_DISK);
    start('/a');
    await answer(0, 'failed');
    const other = outcomeOf(sync.run({ path: '/b', device: OTHER_DISK, sinceNs }));
    await answer(1, 'synced');
    expect(other.now).toBe('synced');
  });

  it('is told to who listens, before anybody can go on and before the next one begins', async () => {
    const told: [number, string, number][] = [];
    const call = sync.run({ path: '/a', device: DISK });
    const outcome = outcomeOf(call);
    sync.listen(({ device }) => told.push([device, outcome.now, held.asked.length]));
    await answer(0, 'failed');
    expect(told).toEqual([[DISK, 'waits', 1]]);
  });
});
