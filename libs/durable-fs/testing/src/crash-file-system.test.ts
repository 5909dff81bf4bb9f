import { describe, expect, it, vi } from 'vitest';
import { CrashFileSystem } from './crash-file-system.js';
import type { FaultPlan } from './faults.js';
import { describeFileSystemContract } from './file-system-contract.js';
import type { Boundary } from './operation-gate.js';

describeFileSystemContract('crash', () => ({ fs: new CrashFileSystem(), directory: '/', cleanUp: () => {} }));

describe('boundaries', () => {
  it('announces each mutating operation and sync before it happens, and counts it afterwards', async () => {
    const fs = new CrashFileSystem();
    const seen: (Boundary & { tree: object })[] = [];
    fs.onBoundary((boundary) => seen.push({ ...boundary, tree: fs.tree() }));
    const file = await fs.create('/a');
    await file.write(Buffer.from('abc'), 0);
    await file.dataSync();
    await file.read(Buffer.alloc(1), 0);
    await fs.rename('/a', '/b');
    expect(seen).toEqual([
      { number: 0, operation: 'create', path: '/a', tree: {} },
      { number: 1, operation: 'write', path: '/a', tree: { '/a': 0 } },
      { number: 2, operation: 'dataSync', path: '/a', tree: { '/a': 3 } },
      { number: 3, operation: 'rename', path: '/b', tree: { '/a': 3 } },
    ]);
    expect(fs.operationCount).toBe(4);
  });

  it('splits replaceFile into its three steps', async () => {
    const fs = new CrashFileSystem();
    const trees: object[] = [];
    fs.onBoundary(() => trees.push(fs.tree()));
    await fs.replaceFile('/a', Buffer.from('abc'), '/tmp');
    expect(trees).toEqual([{}, { '/tmp': 0 }, { '/tmp': 3 }]);
  });

  it('a power cut by the listener happens before the operation', async () => {
    const fs = new CrashFileSystem();
    fs.onBoundary(({ number }) => {
      if (number === 1) fs.halt();
    });
    const file = await fs.create('/a');
    await expect(file.write(Buffer.from('abc'), 0)).rejects.toMatchObject({ code: 'ENODEV' });
    expect(fs.tree()).toEqual({ '/a': 0 });
  });

  it('does not count an operation that failed', async () => {
    const fs = new CrashFileSystem();
    await expect(fs.unlink('/a')).rejects.toMatchObject({ code: 'ENOENT' });
    expect(fs.operationCount).toBe(0);
  });
});

describe('a process kill', () => {
  it('keeps what was written, synced or not, and ends the old process with its handles', async () => {
    const fs = new CrashFileSystem();
    const file = await fs.create('/a');
    await file.write(Buffer.from('abc'), 0);
    const syncing = file.dataSync();
    const next = fs.killed();
    await expect(syncing).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(file.read(Buffer.alloc(1), 0)).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(file.close()).rejects.toMatchObject({ code: 'ENODEV' });
    await expect(fs.readFile('/a')).rejects.toMatchObject({ code: 'ENODEV' });

    expect((await next.readFile('/a')).toString()).toBe('abc');
    expect(next.durableTree()).toEqual({});
    await next.syncFileSystem('/');
    expect(next.durableBytes('/a')?.toString()).toBe('abc');
  });
});

describe('planned faults', () => {
  const failing = async (plan: FaultPlan) => {
    const fs = new CrashFileSystem();
    await fs.replaceFile('/a', Buffer.from('old'), '/tmp');
    fs.failNext(plan);
    return fs;
  };

  it.each<[FaultPlan['operation'], (fs: CrashFileSystem) => Promise<unknown>]>([
    ['openRead', (fs) => fs.openRead('/a')],
    ['openWrite', (fs) => fs.openWrite('/a')],
    ['create', (fs) => fs.create('/b')],
    ['replaceFile', (fs) => fs.replaceFile('/a', Buffer.from('new'), '/tmp')],
    ['readFile', (fs) => fs.readFile('/a')],
    ['rename', (fs) => fs.rename('/a', '/b')],
    ['unlink', (fs) => fs.unlink('/a')],
    ['makeDirectory', (fs) => fs.makeDirectory('/d')],
    ['readDirectory', (fs) => fs.readDirectory('/')],
    ['stat', (fs) => fs.stat('/a')],
    ['syncDirectory', (fs) => fs.syncDirectory('/')],
    ['syncFileSystem', (fs) => fs.syncFileSystem('/')],
    ['freeBytes', (fs) => fs.freeBytes('/')],
    ['freeFiles', (fs) => fs.freeFiles('/')],
    ['read', async (fs) => (await fs.openRead('/a')).read(Buffer.alloc(1), 0)],
    ['write', async (fs) => (await fs.openWrite('/a')).write(Buffer.from('new'), 0)],
    ['dataSync', async (fs) => (await fs.openWrite('/a')).dataSync()],
    ['truncate', async (fs) => (await fs.openWrite('/a')).truncate(0)],
    ['size', async (fs) => (await fs.openRead('/a')).size()],
    ['close', async (fs) => (await fs.openRead('/a')).close()],
  ])('%s fails once, changes nothing that is visible, then works', async (operation, call) => {
    const fs = await failing({ operation, errorCode: 'EIO' });
    await expect(call(fs)).rejects.toMatchObject({ code: 'EIO', syscall: operation });
    expect(fs.tree()).toEqual({ '/a': 3 });
    expect((await fs.readFile('/a').catch(() => fs.readFile('/a'))).toString()).toBe('old');
    await call(fs);
  });

  it('a disk that fills up takes part of a write', async () => {
    const fs = await failing({ operation: 'write', errorCode: 'ENOSPC', writtenBytes: 2 });
    const file = await fs.openWrite('/a');
    await expect(file.write(Buffer.from('NEW'), 1)).rejects.toMatchObject({ code: 'ENOSPC' });
    expect((await fs.readFile('/a')).toString()).toBe('oNE');
  });

  it('counts only matching paths, passes the first ones and fails as often as told', async () => {
    const fs = await failing({ operation: 'create', errorCode: 'EIO', pathPattern: /\.wal$/g, after: 1, times: 2 });
    await fs.create('/1.wal');
    await fs.create('/other');
    await expect(fs.create('/2.wal')).rejects.toMatchObject({ code: 'EIO' });
    await expect(fs.create('/2.wal')).rejects.toMatchObject({ code: 'EIO' });
    await fs.create('/2.wal');
  });

  it('fails for ever until cleared', async () => {
    const fs = await failing({ operation: 'dataSync', errorCode: 'EIO', times: Infinity });
    const file = await fs.openWrite('/a');
    for (let round = 0; round < 5; round += 1) await expect(file.dataSync()).rejects.toMatchObject({ code: 'EIO' });
    fs.clearFaults();
    await file.dataSync();
  });
});

describe('time', () => {
  it('stamps files from the clock it was given, and syncs under fake timers', async () => {
    vi.useFakeTimers();
    try {
      let now = 1000;
      const fs = new CrashFileSystem({ now: () => now });
      const file = await fs.create('/a');
      now = 2000;
      await file.write(Buffer.from('x'), 0);
      await file.dataSync();
      now = 3000;
      expect(await fs.stat('/a')).toMatchObject({ modifiedAtMs: 2000 });
    } finally {
      vi.useRealTimers();
    }
  });
});
