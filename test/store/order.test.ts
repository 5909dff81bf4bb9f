/** Holds the log's barrier open and looks at what must not have happened yet. */
import { nodeFileSystem } from '#libs/durable-fs';
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHUNK_SIZE, openInstallation, put, temporaryPaths } from './installation.js';

/** The real file system, on which a sync of a log segment waits while the gate is closed. */
class GatedFileSystem {
  #gate = Promise.resolve();
  waiting = 0;

  close(): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gate = promise;
    return resolve;
  }

  asFileSystem(): FileSystem {
    return {
      ...nodeFileSystem,
      create: async (path) => this.#gated(await nodeFileSystem.create(path), path),
    };
  }

  #gated(file: OpenFile, path: string): OpenFile {
    if (!path.includes('/segments/')) return file;
    const dataSync = async (): Promise<void> => {
      this.waiting += 1;
      await this.#gate;
      this.waiting -= 1;
      await file.dataSync();
    };
    return {
      read: (target, position) => file.read(target, position),
      write: (bytes, position) => file.write(bytes, position),
      truncate: (sizeBytes) => file.truncate(sizeBytes),
      size: () => file.size(),
      close: () => file.close(),
      dataSync,
    };
  }
}

it('publishes no chunk while upload_begin is not durable', async () => {
  await using paths = await temporaryPaths();
  const gated = new GatedFileSystem();
  const store = await openInstallation(paths, gated.asFileSystem());
  const open = gated.close();
  const uploading = put(store.files, 'large', randomBytes(3 * CHUNK_SIZE));
  await expect.poll(() => readdir(join(paths.primary, 'staging'))).toHaveLength(3);
  await expect.poll(() => gated.waiting).toBe(1);
  // Whatever would come next without the rule has had its turn by then.
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(await chunksOf(paths.primary)).toEqual([]);
  open();
  await uploading;
  expect(await chunksOf(paths.primary)).toHaveLength(3);
  await store.close();
});

it('shows no file and answers nobody while its record is not durable', async () => {
  await using paths = await temporaryPaths();
  const gated = new GatedFileSystem();
  const store = await openInstallation(paths, gated.asFileSystem());
  const open = gated.close();
  let answered = false;
  const uploading = put(store.files, 'small', randomBytes(100)).then(() => (answered = true));
  await expect.poll(() => gated.waiting).toBe(1);
  await new Promise((resolve) => setTimeout(resolve, 100));
  expect(answered).toBe(false);
  expect(store.files.list({ prefix: '', limit: 10, cursor: undefined }).files).toEqual([]);
  open();
  await uploading;
  await store.close();
});

async function chunksOf(primary: string): Promise<string[]> {
  const entries = await readdir(join(primary, 'chunks'), { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}
