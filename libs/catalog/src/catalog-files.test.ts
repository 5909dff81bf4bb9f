import { nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { newUuid } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { catalogFilesAt } from './catalog-files.js';

async function temporaryPath(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-catalog-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return join(directory, 'catalog.db');
}

it('a catalog that cannot be opened for writing names the setting, and is neither damaged nor moved', async () => {
  const path = await temporaryPath();
  const files = catalogFilesAt(nodeFileSystem, path);
  const catalog = await files.create(newUuid<ClusterId>(), () => Promise.resolve());
  await catalog.close();
  await mkdir(`${path}-wal`);
  await expect(files.open()).rejects.toMatchObject({
    code: 'setting_invalid',
    message: expect.stringContaining(`DATABASE_URL names ${path}`) as unknown,
  });
  expect((await readdir(dirname(path))).toSorted()).toEqual(['catalog.db', 'catalog.db-wal']);
});

describe('a catalog in doubt', () => {
  const CLUSTER_ID = newUuid<ClusterId>();

  async function inDoubt(path: string): Promise<void> {
    const files = catalogFilesAt(nodeFileSystem, path);
    await (await files.create(CLUSTER_ID, () => Promise.resolve())).close();
    await files.doubt();
  }

  it('is not opened, by any process, until another has been made', async () => {
    const path = await temporaryPath();
    await inDoubt(path);
    const files = catalogFilesAt(nodeFileSystem, path);
    expect(await files.open()).toEqual({ ok: false, reason: 'in_doubt' });
    await (await files.create(CLUSTER_ID, () => Promise.resolve())).close();
    const reading = await files.open();
    expect(reading.ok).toBe(true);
    if (reading.ok) await reading.catalog.close();
  });

  it('stays so where the making of another is cut off', async () => {
    const path = await temporaryPath();
    await inDoubt(path);
    const cutOff: FileSystem = { ...nodeFileSystem, rename: () => Promise.reject(new Error('killed')) };
    const making = catalogFilesAt(cutOff, path).create(CLUSTER_ID, () => Promise.resolve());
    await expect(making).rejects.toThrow('killed');
    expect(await catalogFilesAt(nodeFileSystem, path).open()).toEqual({ ok: false, reason: 'in_doubt' });
  });
});
