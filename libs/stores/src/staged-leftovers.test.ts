/** What killed copies left in a replica's staging. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { STORE_PATH, TEST_IDENTITY } from '../testing/src/crash-primary.js';
import { DirectoryPlace } from './directory-place.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const STAGING = `${STORE_PATH}/staging`;

let fs: CrashFileSystem;
let place: DirectoryPlace;
let nowMs = 0;

beforeEach(async () => {
  nowMs = 10 * DAY_MS;
  fs = new CrashFileSystem({ now: () => nowMs });
  place = new DirectoryPlace(fs, STORE_PATH);
  await place.init(TEST_IDENTITY);
});

async function leave(name: string): Promise<void> {
  const file = await fs.create(`${STAGING}/${name}`);
  await file.write(Buffer.from('x'), 0);
  await file.close();
}

describe('leftovers in staging', () => {
  it('go when nobody has written to them for a day, and nothing else does', async () => {
    await leave('object-old-1.tmp');
    await leave('chunk-1.tmp');
    nowMs += DAY_MS;
    await leave('object-new-1.tmp');
    expect(await place.removeLeftovers(nowMs)).toBe(1);
    expect((await fs.readDirectory(STAGING)).toSorted()).toEqual(['chunk-1.tmp', 'object-new-1.tmp']);
  });

  it('stay while somebody may still be writing, also where his clock is an hour behind', async () => {
    await leave('object-other-1.tmp');
    nowMs += DAY_MS - 1;
    expect(await place.removeLeftovers(nowMs)).toBe(0);
  });

  it('may be taken by another worker at the same moment', async () => {
    await leave('object-old-1.tmp');
    nowMs += 2 * DAY_MS;
    const counts = await Promise.all([place.removeLeftovers(nowMs), place.removeLeftovers(nowMs)]);
    expect(counts.toSorted()).toEqual([0, 1]);
  });
});
