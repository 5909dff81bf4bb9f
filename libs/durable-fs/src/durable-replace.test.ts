import { describe, expect, it } from 'vitest';
import { possibleContents } from '../testing/src/possible-contents.js';
import { CrashFileSystem, type DiskSnapshot } from '../testing/src/index.js';
import { durableReplace } from './durable-replace.js';

/** A disk with `/d/a` = old, durably, and every instant of `call` on it. */
async function instantsOf(call: (fs: CrashFileSystem) => Promise<void>): Promise<DiskSnapshot[]> {
  const fs = await diskWithOld();
  const instants: DiskSnapshot[] = [];
  fs.onBoundary(() => instants.push(fs.snapshot()));
  await call(fs);
  return [...instants, fs.snapshot()];
}

async function diskWithOld(): Promise<CrashFileSystem> {
  const fs = new CrashFileSystem();
  await fs.makeDirectory('/d');
  await fs.replaceFile('/d/a', Buffer.from('old'), '/d/a.tmp');
  await fs.syncFileSystem('/');
  return fs;
}

const replace = (fs: CrashFileSystem) => durableReplace(fs, '/d/a', Buffer.from('new'));

describe('durableReplace', () => {
  it('leaves the old content or the new after a power cut at any instant, and the new once it has returned', async () => {
    const instants = await instantsOf(replace);
    expect(instants.length).toBe(7);
    for (const snapshot of instants) {
      const contents = await possibleContents(new CrashFileSystem({ snapshot }), '/d/a');
      expect([...contents].every((text) => text === 'old' || text === 'new')).toBe(true);
    }
    const last = new CrashFileSystem({ snapshot: instants.at(-1)! });
    expect(await possibleContents(last, '/d/a')).toEqual(new Set(['new']));
  });

  it('works again after a kill at any instant, leftover temporary or not', async () => {
    for (const snapshot of await instantsOf(replace)) {
      const fs = new CrashFileSystem({ snapshot });
      await durableReplace(fs, '/d/a', Buffer.from('n'));
      expect(await possibleContents(fs, '/d/a')).toEqual(new Set(['n']));
      expect(fs.tree()).toEqual({ '/d/': 0, '/d/a': 1 });
    }
  });

  it('replaceFile, which it is not, fails the same check', async () => {
    const instants = await instantsOf((fs) => fs.replaceFile('/d/a', Buffer.from('new'), '/d/a.tmp'));
    const contents = await possibleContents(new CrashFileSystem({ snapshot: instants.at(-1)! }), '/d/a');
    expect(contents).toContain('');
  });

  it.each(['create', 'write', 'dataSync', 'rename'] as const)(
    'keeps the old content and no temporary where %s fails',
    async (operation) => {
      const fs = await diskWithOld();
      fs.failNext({ operation, errorCode: 'ENOSPC', writtenBytes: 1 });
      await expect(replace(fs)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(fs.tree()).toEqual({ '/d/': 0, '/d/a': 3 });
      expect((await fs.readFile('/d/a')).toString()).toBe('old');
    },
  );

  it('reports the first failure where the clean-up fails too', async () => {
    const fs = await diskWithOld();
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    fs.failNext({ operation: 'unlink', errorCode: 'EROFS', after: 1 });
    await expect(replace(fs)).rejects.toMatchObject({ code: 'EIO' });
  });

  it('fails where the directory cannot be synced', async () => {
    const fs = await diskWithOld();
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    await expect(replace(fs)).rejects.toMatchObject({ code: 'EIO' });
  });
});
