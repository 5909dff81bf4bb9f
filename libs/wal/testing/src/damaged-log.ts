/** A log of eight records in three segments, and ways to damage it. */
import { CrashFileSystem } from '#libs/durable-fs/testing';
import { lsn } from '#libs/kernel';
import type { Lsn } from '#libs/kernel';
import { segmentName } from '../../src/log-layout.js';
import { openTestLog, textDraft, WAL_PATH } from './index.js';

export const SEGMENTS = `${WAL_PATH}/segments`;
export const TEXTS = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
/** Three records a segment of 4,096 bytes, each in a batch of its own: segments 1, 4 and 7. */
export const RECORD_BYTES = 1000;
export const HEADER_BYTES = 128;
export const FRAME_BYTES = 56 + RECORD_BYTES + 8;

export interface Damage {
  readonly segment: number;
  /** Frame within the segment, from 0; -1 is the header. */
  readonly frame: number;
  /** Within the frame. */
  readonly from: number;
  readonly bytes: Buffer;
}

export const flipped = (segment: number, frame: number, from: number): Damage => ({
  segment,
  frame,
  from,
  bytes: Buffer.from([0xa5]),
});
export const zeroed = (segment: number, frame: number, from: number, count: number): Damage => ({
  segment,
  frame,
  from,
  bytes: Buffer.alloc(count),
});

export async function closedLog(): Promise<CrashFileSystem> {
  const fs = new CrashFileSystem();
  const log = await openTestLog(fs);
  for (const text of TEXTS) await log.append(textDraft(text, RECORD_BYTES));
  await log.close();
  return fs;
}

export async function damage(fs: CrashFileSystem, { segment, frame, from, bytes }: Damage): Promise<void> {
  const file = await fs.openWrite(`${SEGMENTS}/${segmentName(lsn(segment))}`);
  const frameStart = frame < 0 ? 0 : HEADER_BYTES + frame * FRAME_BYTES;
  await file.write(bytes, frameStart + from);
  await file.dataSync();
  await file.close();
}

export const segmentPath = (firstLsn: number): string => `${SEGMENTS}/${segmentName(lsn(firstLsn))}`;

/** With a checkpoint recorded whose segments stay: as if the power had gone before they were removed. */
export async function checkpointedLog(at: Lsn): Promise<CrashFileSystem> {
  const fs = new CrashFileSystem();
  const log = await openTestLog(fs);
  for (const text of TEXTS) await log.append(textDraft(text, RECORD_BYTES));
  fs.failNext({ operation: 'unlink', errorCode: 'EIO' });
  const refused = await log.checkpoint(at).catch((error: unknown) => error);
  if (!(refused instanceof Error)) throw new Error('the segments were removed');
  await log.close();
  return fs;
}
