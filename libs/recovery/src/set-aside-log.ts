/** Where a repair puts a damaged log: `<wal>/set-aside-<ms>/`, for a person to look at and, one day, to remove. */
import type { FileSystem } from '#libs/durable-fs';
import { join } from 'node:path';

const PREFIX = 'set-aside-';

/** A path that nothing has: a clock that went backwards must not let one log be put in the place of another. */
export async function freeSetAsidePath(fs: FileSystem, walPath: string, nowMs: number): Promise<string> {
  let serial = nowMs;
  while ((await fs.stat(join(walPath, `${PREFIX}${serial}`))) !== undefined) serial += 1;
  return join(walPath, `${PREFIX}${serial}`);
}

/** While one stands there, a catalog that is built anew may lack files that somebody still hopes to get from it. */
export async function hasSetAsideLog(fs: FileSystem, walPath: string): Promise<boolean> {
  return (await fs.readDirectory(walPath)).some((name) => name.startsWith(PREFIX));
}
