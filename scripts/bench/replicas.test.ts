import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertCopied, countObjects, largestLag } from './replicas.js';

const store = (name: string, state: string, files: number) => ({ name, state, lag: { files } });
const status = (...stores: object[]): string => JSON.stringify({ stores });

describe('the lag', () => {
  it('is that of the replica that is owed most', () => {
    expect(largestLag(status(store('one', 'online', 3), store('two', 'online', 5)), 2)).toBe(5);
  });

  it('of a replica that the server does not have is no lag of nothing', () => {
    expect(() => largestLag(status(), 1)).toThrow('0 replicas, not 1');
  });

  it('of a replica that takes no copies is refused, because it would never end', () => {
    expect(() => largestLag(status(store('one', 'offline', 3)), 1)).toThrow('one is offline');
  });
});

const FILE = '01a1fcad-e38f-7e42-94ec-6a21e9391ac5';
const OTHER = '01a1fcad-e38f-7e42-94ec-6a21e9391ac6';

/** An installation with these files in the primary and in one replica. */
async function installation(files: Record<'primary' | 'replica1', readonly string[]>) {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-bench-test-'));
  for (const [name, manifests] of Object.entries(files)) {
    const place = join(directory, name, 'manifests', 'c5');
    await mkdir(place, { recursive: true });
    for (const manifest of manifests) await writeFile(join(place, manifest), '');
  }
  return { directory, [Symbol.asyncDispose]: () => rm(directory, { recursive: true }) };
}

describe('the files of a store', () => {
  it('are counted without what is only being written', async () => {
    await using place = await installation({ primary: [FILE, `${OTHER}.tmp`], replica1: [] });
    expect(await countObjects(join(place.directory, 'primary'), 'manifests')).toBe(1);
  });

  it('must be as many on the replica as on the primary', async () => {
    await using place = await installation({ primary: [FILE, OTHER], replica1: [FILE] });
    const replica = join(place.directory, 'replica1');
    await expect(assertCopied(place.directory, [replica])).rejects.toThrow('has 1 files and the primary 2');
    await writeFile(join(replica, 'manifests', 'c5', OTHER), '');
    expect(await assertCopied(place.directory, [replica])).toBe(2);
  });
});
