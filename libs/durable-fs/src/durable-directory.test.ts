import { describe, expect, it } from 'vitest';
import { CrashFileSystem, type DiskSnapshot } from '../testing/src/index.js';
import { makeDirectoryDurably } from './durable-directory.js';

const ALL = { '/a/': 0, '/a/b/': 0, '/a/b/c/': 0 };

describe('makeDirectoryDurably', () => {
  it('makes every missing directory, each durable', async () => {
    const fs = new CrashFileSystem();
    await makeDirectoryDurably(fs, '/a/b/c');
    expect(fs.durableTree()).toEqual(ALL);
    await makeDirectoryDurably(fs, '/a/b/c');
    expect(fs.tree()).toEqual(ALL);
  });

  it('finishes what a run that was killed at any instant had begun', async () => {
    const fs = new CrashFileSystem();
    const instants: DiskSnapshot[] = [];
    fs.onBoundary(() => instants.push(fs.snapshot()));
    await makeDirectoryDurably(fs, '/a/b/c');
    expect(instants.length).toBe(7);
    for (const snapshot of instants) {
      const next = new CrashFileSystem({ snapshot });
      await makeDirectoryDurably(next, '/a/b/c');
      expect(next.durableTree()).toEqual(ALL);
    }
  });

  it('accepts a parent that it may not read above what it finds, but not above what it makes', async () => {
    const fs = new CrashFileSystem();
    await makeDirectoryDurably(fs, '/a');
    fs.failNext({ operation: 'syncDirectory', pathPattern: /^\/$/, errorCode: 'EACCES' });
    await makeDirectoryDurably(fs, '/a/b');
    fs.failNext({ operation: 'syncDirectory', pathPattern: /^\/a\/b$/, errorCode: 'EACCES' });
    await expect(makeDirectoryDurably(fs, '/a/b/c')).rejects.toMatchObject({ code: 'EACCES' });
  });

  it('refuses a name that a file has', async () => {
    const fs = new CrashFileSystem();
    await fs.create('/a');
    await expect(makeDirectoryDurably(fs, '/a')).rejects.toMatchObject({ code: 'EEXIST' });
    // The file is not a missing parent either.
    await expect(makeDirectoryDurably(fs, '/a/b')).rejects.toMatchObject({ code: 'EEXIST' });
  });
});
