/** What of a store was durable at a moment of a trace, by nothing but the calls that had returned by then. */
import { dirname } from 'node:path';
import { isRename, isWrite } from './system-calls.js';
import type { SystemCall } from './system-calls.js';

export interface TracedFile {
  /** Written to it, under whatever name it had. */
  readonly bytes: number;
  /** A sync of the file, or of its file system, began after the last write to it. */
  readonly areBytesDurable: boolean;
  /** And so it was when it got its name: at no moment had a power cut left the name over torn bytes. */
  readonly wereBytesDurableBefore: boolean;
  /** A sync of its directory, or of the file system, began after it had got its name. */
  readonly isNameDurable: boolean;
}

interface Tracked {
  bytes: number;
  lastWrite: number;
  named: number;
  bytesSynced: number;
  areBytesDurable: boolean;
  wereBytesDurableBefore: boolean;
  isNameDurable: boolean;
}

/** What has to have been traced. */
export const TRACED_CALLS = 'trace=fdatasync,fsync,syncfs,pwrite64,write,writev,rename,renameat,renameat2';

/**
 * By path, every file that was written below `root` before the call at `position` began. A sync of a whole file system
 * counts for a store only where it was asked for by the path of that store: another store may be on another disk.
 */
export function tracedStore(
  calls: readonly SystemCall[],
  { root, position }: { readonly root: string; readonly position: number },
): ReadonlyMap<string, TracedFile> {
  const files = new Map<string, Tracked>();
  for (const call of calls.filter(({ ended }) => ended < position).toSorted((one, other) => one.ended - other.ended)) {
    if (isWrite(call)) write(files, call, root);
    else if (isRename(call) && call.result === '0') rename(files, call);
    else if (call.result === '0') sync(files, call, root);
  }
  return files;
}

function write(files: Map<string, Tracked>, { text, result, ended }: SystemCall, root: string): void {
  const path = descriptorPath(text);
  if (!path.startsWith(`${root}/`)) return;
  const { bytes, named } = files.get(path) ?? { bytes: 0, named: ended };
  const state = { bytesSynced: 0, areBytesDurable: false, wereBytesDurableBefore: false, isNameDurable: false };
  files.set(path, { bytes: bytes + Math.max(0, Number(result)), lastWrite: ended, named, ...state });
}

function rename(files: Map<string, Tracked>, { text, began, ended }: SystemCall): void {
  const [, from = '', to = ''] = /"([^"]+)".*"([^"]+)"/.exec(text) ?? [];
  const file = files.get(from);
  if (file === undefined) return;
  files.delete(from);
  const wereBytesDurableBefore = file.areBytesDurable && file.bytesSynced < began;
  files.set(to, { ...file, named: ended, wereBytesDurableBefore, isNameDurable: false });
}

function sync(files: Map<string, Tracked>, { name, text, began, ended }: SystemCall, root: string): void {
  const synced = descriptorPath(text);
  const isWhole = name === 'syncfs' && synced === root;
  for (const [path, file] of files) {
    if ((isWhole || synced === path) && file.lastWrite < began && !file.areBytesDurable) {
      file.areBytesDurable = true;
      file.bytesSynced = ended;
    }
    if ((isWhole || synced === dirname(path)) && file.named < began) file.isNameDurable = true;
  }
}

/** With `-y` strace writes a descriptor as `20</path>`. */
const descriptorPath = (text: string): string => /^\d+<([^>]*)>/.exec(text)?.[1] ?? '';
