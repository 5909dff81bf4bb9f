import { beforeEach, describe, expect, it } from 'vitest';
import { CrashFileSystem } from './crash-file-system.js';
import { possibleContents } from './possible-contents.js';
import { SECTOR_BYTES } from './torn-writes.js';

let fs: CrashFileSystem;

beforeEach(() => {
  fs = new CrashFileSystem();
});

const after = (path: string) => possibleContents(fs, path);

/** A file whose name and content are durable. */
async function settle(path: string, text: string): Promise<void> {
  await fs.replaceFile(path, Buffer.from(text), '/settle.tmp');
  await fs.syncFileSystem('/');
}

async function write(path: string, text: string, position = 0): Promise<void> {
  const file = await fs.openWrite(path);
  await file.write(Buffer.from(text), position);
  await file.close();
}

async function sync(path: string): Promise<void> {
  const file = await fs.openWrite(path);
  await file.dataSync();
  await file.close();
}

describe('content after a power cut', () => {
  it('an unsynced write is lost, kept or torn at a byte', async () => {
    await settle('/a', 'old');
    await write('/a', 'new');
    expect(await after('/a')).toEqual(new Set(['old', 'new', 'nld', 'ned']));
    expect(fs.durableBytes('/a')?.toString()).toBe('old');
  });

  it('a synced write is in every state', async () => {
    await settle('/a', 'old');
    await write('/a', 'new');
    await sync('/a');
    expect(await after('/a')).toEqual(new Set(['new']));
  });

  it('a write during a sync is not covered by it, and nothing is durable before its end', async () => {
    await settle('/a', '....');
    const file = await fs.openWrite('/a');
    await file.write(Buffer.from('1'), 0);
    const syncing = file.dataSync();
    await file.write(Buffer.from('2'), 1);
    expect(await after('/a')).toEqual(new Set(['....', '1...', '.2..', '12..']));
    await syncing;
    expect(await after('/a')).toEqual(new Set(['1...', '12..']));
  });

  it('two writes reach the disk in either order', async () => {
    await settle('/a', '..');
    await write('/a', '1', 0);
    await write('/a', '2', 1);
    expect(await after('/a')).toEqual(new Set(['..', '1.', '.2', '12']));
  });

  it('an appended write that was lost before one that came leaves zeros', async () => {
    await settle('/a', '');
    await write('/a', 'A', 0);
    await write('/a', 'B', 1);
    expect(await after('/a')).toEqual(new Set(['', 'A', '\0', '\0B', 'A\0', '\0\0', 'AB']));
  });

  it('a sector hole: the middle of one write is missing', async () => {
    const sector = (letter: string) => letter.repeat(SECTOR_BYTES);
    await settle('/a', sector('.').repeat(3));
    await write('/a', sector('x').repeat(3));
    const states = await after('/a');
    expect(states).toContain(sector('x') + sector('.') + sector('x'));
    expect(states).toContain(sector('.') + sector('x').repeat(2));
    expect(states).toContain(sector('x').repeat(2) + sector('.'));
  });

  it('sectors are those of the file, not of the write', async () => {
    await settle('/a', '.'.repeat(2 * SECTOR_BYTES));
    await write('/a', 'xxxx', SECTOR_BYTES - 1);
    await write('/a', 'x', 0);
    const tails = [...(await after('/a'))].map((text) => text?.slice(SECTOR_BYTES - 1, SECTOR_BYTES + 3));
    // Torn as an earlier write, only between its first byte and the rest.
    expect(new Set(tails)).toEqual(new Set(['....', 'x...', '.xxx', 'xxxx']));
  });

  it('truncate and write, unsynced: the old tail may stand behind the new bytes, or nothing at all', async () => {
    await settle('/a', 'old bytes');
    const file = await fs.openWrite('/a');
    await file.truncate(0);
    await file.write(Buffer.from('N'), 0);
    expect(await after('/a')).toEqual(new Set(['old bytes', '', '\0', 'Nld bytes', 'N']));
  });

  it('a truncated and synced tail never comes back', async () => {
    await settle('/a', 'kept, cut');
    const file = await fs.openWrite('/a');
    await file.truncate(4);
    await file.dataSync();
    await file.write(Buffer.from('!'), 6);
    expect(await after('/a')).toEqual(new Set(['kept', 'kept\0\0\0', 'kept\0\0!']));
  });
});

describe('content after a failed sync', () => {
  let syncError: unknown;

  beforeEach(async () => {
    await settle('/a', '..');
    await write('/a', '1', 0);
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    syncError = await sync('/a').catch((error: unknown) => error);
  });

  it('is still visible and may or may not be on the disk', async () => {
    expect(syncError).toMatchObject({ code: 'EIO' });
    expect((await fs.readFile('/a')).toString()).toBe('1.');
    expect(await after('/a')).toEqual(new Set(['..', '1.']));
  });

  it('is not made durable by a later sync that succeeds', async () => {
    await write('/a', '2', 1);
    await sync('/a');
    expect(await after('/a')).toEqual(new Set(['.2', '12']));
    await fs.syncFileSystem('/');
    expect(await after('/a')).toEqual(new Set(['.2', '12']));
  });

  it('is durable once the same bytes are written again and synced', async () => {
    await write('/a', '1', 0);
    await sync('/a');
    expect(await after('/a')).toEqual(new Set(['1.']));
  });

  it('never overwrites what was written and synced after it', async () => {
    await write('/a', '3', 0);
    await sync('/a');
    expect(await after('/a')).toEqual(new Set(['3.']));
  });

  it('a truncation that it covered, being no page of the cache, is made durable by the next sync', async () => {
    const file = await fs.openWrite('/a');
    await file.truncate(0);
    fs.failNext({ operation: 'dataSync', errorCode: 'EIO' });
    await expect(file.dataSync()).rejects.toMatchObject({ code: 'EIO' });
    await file.dataSync();
    expect(await after('/a')).toEqual(new Set(['']));
  });

  it('survives a kill as it was: the next process cannot sync it either', async () => {
    const next = fs.killed();
    const file = await next.openWrite('/a');
    await file.dataSync();
    expect((await next.readFile('/a')).toString()).toBe('1.');
    expect(await possibleContents(next, '/a')).toEqual(new Set(['..', '1.']));
  });
});

describe('a failed syncFileSystem', () => {
  it('leaves content and names unproven for later syncs', async () => {
    await settle('/a', '.');
    await write('/a', '1');
    await fs.create('/b');
    fs.failNext({ operation: 'syncFileSystem', errorCode: 'EIO' });
    await expect(fs.syncFileSystem('/')).rejects.toMatchObject({ code: 'EIO' });
    await fs.syncFileSystem('/');
    expect(await after('/a')).toEqual(new Set(['.', '1']));
    expect(await after('/b')).toEqual(new Set([undefined, '']));
  });
});

describe('rot', () => {
  it('changes one synced byte for good', async () => {
    await settle('/a', 'abc');
    fs.rot('/a', 1);
    const rotten = Buffer.from([97, 98 ^ 0xff, 99]);
    expect(await fs.readFile('/a')).toEqual(rotten);
    expect(fs.durableBytes('/a')).toEqual(rotten);
    expect(() => fs.rot('/a', 3)).toThrow(RangeError);
  });
});
