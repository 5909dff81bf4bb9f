import { beforeEach, describe, expect, it } from 'vitest';
import { CrashFileSystem } from './crash-file-system.js';
import { crashStates } from './crash-states.js';
import { possibleContents } from './possible-contents.js';

let fs: CrashFileSystem;

beforeEach(async () => {
  fs = new CrashFileSystem();
  await fs.makeDirectory('/d');
  await fs.makeDirectory('/e');
  await fs.syncFileSystem('/');
});

const after = (path: string) => possibleContents(fs, path);

/** A file with durable content under a name that is not synced. */
async function createSynced(path: string, text: string): Promise<void> {
  const file = await fs.create(path);
  await file.write(Buffer.from(text), 0);
  await file.dataSync();
  await file.close();
}

async function settle(path: string, text: string): Promise<void> {
  await createSynced(path, text);
  await fs.syncFileSystem('/');
}

/** Every tree that a power cut can leave, as lists of files. */
function trees(): Set<string> {
  const states = [...crashStates(fs.snapshot())].map(({ fileSystem }) => Object.keys(fileSystem.tree()));
  return new Set(states.map((paths) => paths.filter((path) => !path.endsWith('/')).join(' ')));
}

describe('names after a power cut', () => {
  it('a synced file whose name was not synced may be missing', async () => {
    await createSynced('/d/a', 'text');
    expect(await after('/d/a')).toEqual(new Set([undefined, 'text']));
    expect(fs.durableBytes('/d/a')).toBeUndefined();
    await fs.syncDirectory('/d');
    expect(await after('/d/a')).toEqual(new Set(['text']));
  });

  it('a synced name whose content was not synced may be empty', async () => {
    const file = await fs.create('/d/a');
    await file.write(Buffer.from('T'), 0);
    await fs.syncDirectory('/d');
    expect(await after('/d/a')).toEqual(new Set(['', '\0', 'T']));
  });

  it('a rename counts only after syncDirectory', async () => {
    await settle('/d/a', 'text');
    await fs.rename('/d/a', '/d/b');
    expect(trees()).toEqual(new Set(['/d/a', '/d/b']));
    await fs.syncDirectory('/d');
    expect(trees()).toEqual(new Set(['/d/b']));
  });

  it('a rename over a file leaves the old file or the new one, never neither', async () => {
    await settle('/d/a', 'old');
    await settle('/d/b', 'new');
    await fs.rename('/d/b', '/d/a');
    expect(await after('/d/a')).toEqual(new Set(['old', 'new']));
  });

  it('a rename into another directory is decided by the destination', async () => {
    await settle('/d/a', 'text');
    await fs.rename('/d/a', '/e/b');
    await fs.syncDirectory('/d');
    expect(trees()).toEqual(new Set(['/d/a', '/e/b']));
    await fs.syncDirectory('/e');
    expect(trees()).toEqual(new Set(['/e/b']));
  });

  it('a name given during a syncDirectory is not covered by it', async () => {
    await settle('/d/a', 'text');
    const syncing = fs.syncDirectory('/d');
    await fs.rename('/d/a', '/d/b');
    await syncing;
    expect(trees()).toEqual(new Set(['/d/a', '/d/b']));
  });

  it('a synced rename brings the unsynced creation of its source with it', async () => {
    await createSynced('/d/tmp', 'text');
    await fs.rename('/d/tmp', '/e/a');
    await fs.syncDirectory('/e');
    expect(trees()).toEqual(new Set(['/e/a']));
  });

  it('two renames are independent: the later may survive alone', async () => {
    await settle('/d/a', 'a');
    await settle('/d/b', 'b');
    await fs.rename('/d/a', '/e/a');
    await fs.rename('/d/b', '/e/b');
    expect(trees()).toEqual(new Set(['/d/a /d/b', '/d/b /e/a', '/d/a /e/b', '/e/a /e/b']));
  });

  it('a chain of renames of one file leaves it under exactly one of its names', async () => {
    await settle('/d/a', 'text');
    await fs.rename('/d/a', '/d/b');
    await fs.rename('/d/b', '/d/c');
    expect(trees()).toEqual(new Set(['/d/a', '/d/b', '/d/c']));
  });

  it('an unsynced unlink may resurrect the file', async () => {
    await settle('/d/a', 'text');
    await fs.unlink('/d/a');
    expect(await fs.stat('/d/a')).toBeUndefined();
    expect(await after('/d/a')).toEqual(new Set(['text', undefined]));
    await fs.syncDirectory('/d');
    expect(await after('/d/a')).toEqual(new Set([undefined]));
  });

  it('an unlinked and recreated name may hold the old file, none or the new one', async () => {
    await settle('/d/a', 'old');
    await fs.unlink('/d/a');
    await createSynced('/d/a', 'new');
    expect(await after('/d/a')).toEqual(new Set(['old', undefined, 'new']));
  });

  it('replaceFile without a sync can leave an empty or torn file under the new name', async () => {
    await settle('/d/a', 'old');
    await fs.replaceFile('/d/a', Buffer.from('new!'), '/d/a.tmp');
    const states = await after('/d/a');
    expect(states).toContain('old');
    expect(states).toContain('new!');
    expect(states).toContain('');
    expect(states).toContain('\0\0\0\0');
    expect(states).toContain('n');
    expect(states).toContain('new\0');
    expect(states).not.toContain(undefined);
  });

  it('below a directory whose own name was not synced all may be lost', async () => {
    await fs.makeDirectory('/d/new');
    await createSynced('/d/new/a', 'text');
    await fs.syncDirectory('/d/new');
    expect(await after('/d/new/a')).toEqual(new Set([undefined, 'text']));
    await fs.syncDirectory('/d');
    expect(await after('/d/new/a')).toEqual(new Set(['text']));
  });

  it('unsynced content below an unsynced directory is torn like any other', async () => {
    await fs.makeDirectory('/d/new');
    const file = await fs.create('/d/new/a');
    await file.write(Buffer.from('T'), 0);
    await fs.syncDirectory('/d/new');
    expect(await after('/d/new/a')).toEqual(new Set([undefined, '', '\0', 'T']));
  });
});

describe('names after a failed syncDirectory', () => {
  let syncError: unknown;

  beforeEach(async () => {
    await createSynced('/d/a', 'text');
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    syncError = await fs.syncDirectory('/d').catch((error: unknown) => error);
  });

  it('are not made durable by a later sync that succeeds', async () => {
    expect(syncError).toMatchObject({ code: 'EIO' });
    await fs.syncDirectory('/d');
    expect(await after('/d/a')).toEqual(new Set([undefined, 'text']));
  });

  it('are durable once the name is given again and synced', async () => {
    await createSynced('/d/tmp', 'again');
    await fs.rename('/d/tmp', '/d/a');
    await fs.syncDirectory('/d');
    expect(await after('/d/a')).toEqual(new Set(['again']));
  });
});
