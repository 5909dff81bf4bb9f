import { nodeFileSystem } from '#libs/durable-fs';
import { newUuid } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { catalogFilesAt } from './catalog-files.js';

it('a catalog that cannot be opened for writing names the setting, and is neither damaged nor moved', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-catalog-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'catalog.db');
  const files = catalogFilesAt(nodeFileSystem, path);
  const catalog = await files.create(newUuid<ClusterId>(), () => Promise.resolve());
  await catalog.close();
  await mkdir(`${path}-wal`);
  await expect(files.open()).rejects.toMatchObject({
    code: 'setting_invalid',
    message: expect.stringContaining(`DATABASE_URL names ${path}`) as unknown,
  });
  expect((await readdir(directory)).toSorted()).toEqual(['catalog.db', 'catalog.db-wal']);
});
