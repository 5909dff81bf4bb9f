/** Moves out of the log what is no part of it: into `torn/`, where a person may look at it. Nothing is ever deleted here. */
import { durableReplace, makeDirectoryDurably } from '#libs/durable-fs';
import type { FileSystem } from '#libs/durable-fs';
import { isDiskFull } from '#libs/kernel';
import { basename, join } from 'node:path';
import { logDiskFull } from './log-disk-full.js';
import type { LogLayout } from './log-layout.js';
import type { SegmentScan } from './segment-scan.js';

/** Copies the torn tail to `torn/`, durably, and returns the path of the copy. Throws `disk_full`. */
export async function setAsideTail(
  fs: FileSystem,
  layout: LogLayout,
  scan: SegmentScan,
  nowMs: number,
): Promise<string> {
  const { offsetBytes, lastWrittenBytes } = scan.tail;
  const source = await fs.openRead(scan.path);
  try {
    const bytes = Buffer.alloc(lastWrittenBytes - offsetBytes);
    await source.read(bytes, offsetBytes);
    const path = join(layout.torn, `${String(scan.lastLsn + 1).padStart(20, '0')}-${nowMs}.torn`);
    try {
      await makeDirectoryDurably(fs, layout.torn);
      await durableReplace(fs, path, bytes);
    } catch (cause) {
      if (!isDiskFull(cause)) throw cause;
      // The tail, and then the segment without it.
      throw logDiskFull(layout, lastWrittenBytes, cause);
    }
    return path;
  } finally {
    await source.close();
  }
}

/** Moves whole segments to `torn/`; returns where they are now. */
export async function setAsideSegments(
  fs: FileSystem,
  layout: LogLayout,
  paths: readonly string[],
  nowMs: number,
): Promise<string[]> {
  if (paths.length === 0) return [];
  await makeDirectoryDurably(fs, layout.torn);
  const asidePaths: string[] = [];
  for (const path of paths) {
    const asidePath = join(layout.torn, `${basename(path, '.wal')}-${nowMs}.unreadable`);
    await fs.rename(path, asidePath);
    asidePaths.push(asidePath);
  }
  await fs.syncDirectory(layout.torn);
  await fs.syncDirectory(layout.segments);
  return asidePaths;
}
