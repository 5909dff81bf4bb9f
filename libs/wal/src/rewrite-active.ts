/**
 * At every open the verified frames of the active segment are copied into a new file, which is synced and renamed over
 * the old one before anything is replayed. What a page cache shows after a kill or a failed fsync proves nothing about the
 * disk: a page whose write-back failed reads well and is never written again. Copying makes what was verified durable,
 * cuts the torn tail, and leaves a file whose every page this process has written, in one move.
 */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { isDiskFull } from '#libs/kernel';
import { join } from 'node:path';
import { logDiskFull } from './log-disk-full.js';
import type { LogLayout } from './log-layout.js';
import { temporaryName } from './log-layout.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentScan } from './segment-scan.js';
import { zeroFill } from './zero-fill.js';

const COPY_BYTES = 1024 * 1024;

export interface RewrittenSegment {
  /** Open for appending. */
  readonly file: OpenFile;
  readonly sizeBytes: number;
}

/**
 * Rewrites the segment of `scan` up to its last good frame. On a full disk the new file has no room behind them: the log
 * opens, is read and replayed, and its next append begins a new segment, or fails until there is room for one. Throws
 * `disk_full` where not even the frames fit.
 */
export async function rewriteActive(fs: FileSystem, layout: LogLayout, scan: SegmentScan): Promise<RewrittenSegment> {
  const framesEndBytes = Math.max(scan.tail.offsetBytes, SEGMENT_HEADER_BYTES);
  try {
    return await rewrite(fs, layout, scan, { framesEndBytes, sizeBytes: scan.sizeBytes });
  } catch (error) {
    if (!isDiskFull(error)) throw error;
  }
  try {
    return await rewrite(fs, layout, scan, { framesEndBytes, sizeBytes: framesEndBytes });
  } catch (cause) {
    if (!isDiskFull(cause)) throw cause;
    throw logDiskFull(layout, framesEndBytes, cause);
  }
}

interface RewriteSizes {
  readonly framesEndBytes: number;
  readonly sizeBytes: number;
}

async function rewrite(
  fs: FileSystem,
  layout: LogLayout,
  scan: SegmentScan,
  { framesEndBytes, sizeBytes }: RewriteSizes,
): Promise<RewrittenSegment> {
  const temporaryPath = join(layout.segments, temporaryName('rewrite'));
  const file = await fs.create(temporaryPath);
  try {
    const source = await fs.openRead(scan.path);
    try {
      await copyBytes(source, file, framesEndBytes);
    } finally {
      await source.close();
    }
    await zeroFill(file, framesEndBytes, sizeBytes);
    await file.dataSync();
    await fs.rename(temporaryPath, scan.path);
    await fs.syncDirectory(layout.segments);
    return { file, sizeBytes };
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
