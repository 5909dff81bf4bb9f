import { dirname } from 'node:path';
import { systemErrorCode } from '#libs/kernel';
import type { FileSystem } from './file-system.js';

/**
 * Gives `path` the content `bytes`, atomically and durably: after any crash the name holds the old bytes or the new,
 * and once this has returned, the new. The file is synced before the rename, because a rename may reach the disk ahead
 * of the bytes it publishes.
 *
 * The temporary is `<path>.tmp`; one that a crash left behind is removed. Not for two callers on one path at a time.
 */
export async function durableReplace(fs: FileSystem, path: string, bytes: Uint8Array): Promise<void> {
  const temporaryPath = `${path}.tmp`;
  await unlinkIfPresent(fs, temporaryPath);
  try {
    const file = await fs.create(temporaryPath);
    try {
      await file.write(bytes, 0);
      await file.dataSync();
    } finally {
      await file.close();
    }
    await fs.rename(temporaryPath, path);
  } catch (error) {
    // The first failure is the one to report, also where the disk is too sick to remove the temporary.
    await unlinkIfPresent(fs, temporaryPath).catch(() => undefined);
    throw error;
  }
  await fs.syncDirectory(dirname(path));
}

async function unlinkIfPresent(fs: FileSystem, path: string): Promise<void> {
  try {
    await fs.unlink(path);
  } catch (error) {
    if (systemErrorCode(error) !== 'ENOENT') throw error;
  }
}
