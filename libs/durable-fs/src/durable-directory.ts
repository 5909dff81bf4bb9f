import { dirname, resolve } from 'node:path';
import { systemErrorCode } from '#libs/kernel';
import type { FileSystem } from './file-system.js';

/**
 * Makes a directory and its missing parents so that they survive a power cut: every name made here, and the name of
 * the deepest directory found, is fsynced in its parent before anything is made below it.
 *
 * The one found counts too: an earlier run may have been killed between making it and syncing its parent. Those above
 * it need nothing, because that run synced each of them before it went deeper.
 */
export async function makeDirectoryDurably(fs: FileSystem, path: string): Promise<void> {
  const missing: string[] = [];
  let found = resolve(path);
  while ((await fs.stat(found)) === undefined) {
    missing.unshift(found);
    found = dirname(found);
  }
  // Fails where a file has the name.
  await fs.makeDirectory(found);
  await syncParentOfFound(fs, found);
  for (const directory of missing) {
    await fs.makeDirectory(directory);
    await fs.syncDirectory(dirname(directory));
  }
}

/** A parent that we may pass but not read (mode 711, as `/home` often is) belongs to others, who made this name. */
async function syncParentOfFound(fs: FileSystem, found: string): Promise<void> {
  try {
    await fs.syncDirectory(dirname(found));
  } catch (error) {
    if (systemErrorCode(error) !== 'EACCES') throw error;
  }
}
