import { newFileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import { DirectoryPlace } from './directory-place.js';
import type { ObjectKey } from './store.js';

const objects = (count: number) =>
  Array.from({ length: count }, () => {
    const key: ObjectKey = { kind: 'manifest', id: newFileId(1_764_000_000_000) };
    return { key, bytes: Buffer.from(key.id) };
  });

describe('a store', () => {
  it.each([
    ['dataSync', 1],
    ['syncDirectory', 1],
    ['syncFileSystem', 400],
  ] as const)('is in doubt from a failed %s on, also when it is opened again', async (operation, count) => {
    const { fs } = await crashPrimary();
    const place = new DirectoryPlace(fs, STORE_PATH);
    const store = place.open(TEST_IDENTITY);
    await store.putAll(objects(count));
    expect(store.isInDoubt).toBe(false);
    fs.failNext({ operation, errorCode: 'EIO' });
    await expect(store.putAll(objects(count))).rejects.toMatchObject({ code: 'EIO' });
    await store.putAll(objects(count));
    expect(store.isInDoubt).toBe(true);
    expect(place.open(TEST_IDENTITY).isInDoubt).toBe(true);
  });

  it.each(['deleteAll', 'syncAll', 'setAside'] as const)('is in doubt from a failed sync of %s on', async (method) => {
    const { fs, primary } = await crashPrimary();
    const [object] = objects(1);
    await primary.putAll([object!]);
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    const call = method === 'setAside' ? primary.setAside(object!.key) : primary[method]([object!.key]);
    await expect(call).rejects.toMatchObject({ code: 'EIO' });
    expect(primary.isInDoubt).toBe(true);
  });

  it('is in none where its directories are gone, or another store stands at its place', async () => {
    const { fs } = await crashPrimary();
    const place = new DirectoryPlace(fs, STORE_PATH);
    const store = place.open(TEST_IDENTITY);
    fs.failNext({ operation: 'syncDirectory', errorCode: 'ENOENT' });
    await expect(store.putAll(objects(1))).rejects.toMatchObject({ code: 'ENOENT' });
    expect(store.isInDoubt).toBe(false);
    fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
    await expect(store.putAll(objects(1))).rejects.toMatchObject({ code: 'EIO' });
    const other = { ...TEST_IDENTITY, storeId: crypto.randomUUID() as typeof TEST_IDENTITY.storeId };
    expect(place.open(other).isInDoubt).toBe(false);
  });

  it('is in none where its disk is full before anything is synced', async () => {
    const { fs, primary } = await crashPrimary();
    fs.failNext({ operation: 'write', errorCode: 'ENOSPC' });
    await expect(primary.putAll(objects(1))).rejects.toMatchObject({ code: 'ENOSPC' });
    expect(primary.isInDoubt).toBe(false);
  });
});
