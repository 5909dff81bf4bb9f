/**
 * At every open the verified frames of the active segment are copied into a new file, which is synced and renamed over
 * the old one before anything is replayed. What a page cache shows after a kill or a failed fsync proves nothing about the
 * disk: a page whose write-back failed reads well and is never written again. Copying makes what was verified durable,
 * cuts the torn tail, and leaves a file whose every page this process has written, in one move.
 */
import { durableReplace, makeDirectoryDurably } from '#libs/durable-fs';
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { join } from 'node:path';
import type { LogLayout } from './log-layout.js';
import { temporaryName } from './log-layout.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentScan } from './segment-scan.js';
import { zeroFill } from './zero-fill.js';

const COPY_BYTES = 1024 * 1024;

/** Copies the torn tail to `torn/`, durably, and returns the path of the copy. */
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
    await makeDirectoryDurably(fs, layout.torn);
    const path = join(layout.torn, `${String(scan.lastLsn + 1).padStart(20, '0')}-${nowMs}.torn`);
    await durableReplace(fs, path, bytes);
    return path;
  } finally {
    await source.close();
  }
}

/** Rewrites the segment of `scan` up to its last good frame; returns the new file, open for appending. */
export async function rewriteActive(fs: FileSystem, layout: LogLayout, scan: SegmentScan): Promise<OpenFile> {
  const temporaryPath = join(layout.segments, temporaryName('rewrite'));
  const file = await fs.create(temporaryPath);
  try {
    const source = await fs.openRead(scan.path);
    try {
      await copyBytes(source, file, Math.max(scan.tail.offsetBytes, SEGMENT_HEADER_BYTES));
    } finally {
      await source.close();
    }
    await zeroFill(file, scan.tail.offsetBytes, scan.sizeBytes);
    await file.dataSync();
    await fs.rename(temporaryPath, scan.path);
    await fs.syncDirectory(layout.segments);
    return file;
  } catch (error) {
    await file.close();
    // On a full disk it would hold the last free bytes; after the rename there is nothing to remove.
    await fs.unlink(temporaryPath).catch(() => undefined);
    throw error;
  }
}

async function copyBytes(source: OpenFile, target: OpenFile, endBytes: number): Promise<void> {
  const window = Buffer.allocUnsafeSlow(Math.min(COPY_BYTES, endBytes));
  for (let at = 0; at < endBytes; at += window.length) {
    const piece = window.subarray(0, Math.min(window.length, endBytes - at));
    await source.read(piece, at);
    await target.write(piece, at);
  }
}
