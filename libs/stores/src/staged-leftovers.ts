/**
 * What killed copies left in the staging of a directory store: objects on their way that will never arrive. Other workers
 * may be writing there at this moment, on other machines too, so only what nobody has written to for a day goes: a put
 * takes seconds. One that was asleep for longer fails when it wakes, and its job is done again.
 */
import type { FileSystem } from '#libs/durable-fs';
import { systemErrorCode } from '#libs/kernel';
import { join } from 'node:path';
import { STAGING_DIRECTORY } from './store-layout.js';

const LEFT_FOR_MS = 24 * 60 * 60 * 1000;
/** Of this port's puts alone; staged chunks are the primary's, and emptied by its boot. */
const ON_ITS_WAY = /^object-.+\.tmp$/;

/** Answers with how many files that were. */
export async function removeStagedLeftovers(fs: FileSystem, root: string, nowMs: number): Promise<number> {
  const staging = join(root, STAGING_DIRECTORY);
  let removed = 0;
  for (const name of (await fs.readDirectory(staging)).filter((each) => ON_ITS_WAY.test(each))) {
    const path = join(staging, name);
    const found = await fs.stat(path);
    if (found === undefined || nowMs - found.modifiedAtMs < LEFT_FOR_MS) continue;
    // Another worker may have found it too.
    if (await unlinked(fs, path)) removed += 1;
  }
  return removed;
}

async function unlinked(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.unlink(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}
