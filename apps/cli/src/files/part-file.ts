/**
 * The part that a download grows in. One process alone writes to it: two would mix their bytes, or one would empty what the
 * other has filled, and what each has verified is what it received, not what the file has become. So a part at rest is
 * `<path>.part`, and whoever goes on with it first gives it a name of its own, `<path>.part.<host>-<pid>`. A rename has one
 * winner; the other begins anew, beside it. The part of a process that was killed is taken over in the same way.
 */
import { StoreError, systemErrorCode } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { lstat, open, readdir, rename, rm } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename, dirname, join } from 'node:path';

export interface PartOwner {
  /** Eight hex digits: process ids of one host say nothing of another, and both may write to one network share. */
  readonly hostTag: string;
  readonly pid: number;
}

export interface OwnPart {
  readonly path: string;
  /** To be closed before the part gets another name. */
  readonly file: FileHandle;
}

const OWNER_SUFFIX = /^\.([0-9a-f]{8})-(\d+)$/;

export const thisProcess = (): PartOwner => ({
  hostTag: createHash('sha256').update(hostname()).digest('hex').slice(0, 8),
  pid: process.pid,
});

/** Opens a part that nobody else writes to, with what was left in it, or empty. Throws what the file system says. */
export async function claimPart(partPath: string, owner: PartOwner = thisProcess()): Promise<OwnPart> {
  const there = await lstatIfThere(partPath);
  if (there !== undefined && !there.isFile()) {
    throw new StoreError('invalid_request', `${partPath} is in the way: it is not a plain file.`);
  }
  const path = `${partPath}.${owner.hostTag}-${owner.pid}`;
  for (const left of [partPath, ...(await partsLeftBehind(partPath, owner))]) {
    if (await takeOver(left, path)) return { path, file: await open(path, 'r+') };
  }
  return { path, file: await open(path, 'wx+') };
}

/** Puts the part where the next run looks first. Where that fails it is found under the name that it has. */
export async function leavePart({ path }: OwnPart, partPath: string): Promise<void> {
  await rename(path, partPath).catch(() => undefined);
}

export async function dropPart({ path }: OwnPart): Promise<void> {
  await rm(path, { force: true });
}

/** Those of processes that are no more, and what an earlier process of this id has left. */
async function partsLeftBehind(partPath: string, { hostTag, pid }: PartOwner): Promise<string[]> {
  const directory = dirname(partPath);
  const name = basename(partPath);
  const left = (await readdir(directory)).filter((each) => {
    if (!each.startsWith(name)) return false;
    const [, host, number] = OWNER_SUFFIX.exec(each.slice(name.length)) ?? [];
    return host === hostTag && (Number(number) === pid || !isRunning(Number(number)));
  });
  return left.map((each) => join(directory, each));
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // A process of somebody else may not be asked, but is there.
    return systemErrorCode(error) !== 'ESRCH';
  }
}

/** False where it is no plain file, for a link leads to what is somebody else's, or where another was quicker. */
async function takeOver(left: string, path: string): Promise<boolean> {
  if ((await lstatIfThere(left))?.isFile() !== true) return false;
  try {
    await rename(left, path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

export async function lstatIfThere(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
