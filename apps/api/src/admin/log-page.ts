/** A page of the log for a person or a program that follows it. Reads the records it shows and no further. */
import { StoreError } from '#libs/kernel';
import type { Lsn } from '#libs/kernel';
import { toLogEntry } from '#libs/wal';
import type { FrameAt } from '#libs/wal';
import { basename } from 'node:path';
import type { LogEntryAnswer } from './wal-answer.js';

export type FrameInSegment = FrameAt & { readonly path: string };

export interface LogPage {
  readonly entries: LogEntryAnswer[];
  /** The last LSN shown, where records follow it; else null. */
  readonly nextAfter: number | null;
}

export interface PageBounds {
  readonly limit: number;
  /** Last LSN that there is to show. */
  readonly through: Lsn;
}

/**
 * A record that has been damaged since the start is shown where it stands, and the page ends with it: what is behind it
 * cannot be told from it.
 */
export async function readLogPage(
  frames: AsyncIterable<FrameInSegment>,
  { limit, through }: PageBounds,
): Promise<LogPage> {
  const entries: LogEntryAnswer[] = [];
  try {
    for await (const frame of frames) {
      if (frame.frame.lsn > through) break;
      entries.push(entryAnswer(frame));
      if (entries.length === limit) break;
    }
  } catch (error) {
    if (!StoreError.is(error, 'log_corrupt')) throw error;
    return { entries: [...entries, corruptEntry(error)], nextAfter: null };
  }
  const last = entries.at(-1)?.lsn;
  return { entries, nextAfter: last !== undefined && last < through ? last : null };
}

function entryAnswer(frame: FrameInSegment): LogEntryAnswer {
  const { lsn, offsetBytes, lengthBytes, type, fileId, checksum } = toLogEntry(frame);
  return {
    lsn,
    segment_id: segmentIdOf(frame.path),
    offset_bytes: offsetBytes,
    length_bytes: lengthBytes,
    type,
    file_id: fileId ?? null,
    // A frame is only handed out when the two are equal.
    checksum: { expected: checksum, actual: checksum, verdict: 'ok' },
  };
}

function corruptEntry({ context }: StoreError): LogEntryAnswer {
  return {
    lsn: Number(context['lsn']),
    segment_id: segmentIdOf(String(context['path'])),
    offset_bytes: Number(context['offset_bytes']),
    length_bytes: null,
    type: null,
    file_id: null,
    checksum: { expected: textOrNull(context['expected']), actual: textOrNull(context['actual']), verdict: 'corrupt' },
  };
}

const segmentIdOf = (path: string): string => basename(path, '.wal');

const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);
