/** A batch: the records of one write and one fdatasync. Pure bookkeeping; the writer does the I/O. */
import { encodeFrame, frameLength, lsn, RECORD_TYPES } from '#libs/kernel';
import type { Frame, LogId, Lsn, RecordDraft } from '#libs/kernel';

const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BATCH_RECORDS = 1024;

/** A record that waits for its commit point. */
export interface PendingAppend {
  readonly draft: RecordDraft;
  readonly lengthBytes: number;
  readonly resolve: (frame: Frame) => void;
  readonly reject: (error: unknown) => void;
}

/** Where the log stands: what the next frame is chained to. */
export interface LogPosition {
  readonly logId: LogId;
  readonly endMark: string;
  readonly lastLsn: Lsn;
  readonly lastChecksum: number;
}

export function draftLength({ payloadParts }: RecordDraft): number {
  return frameLength(payloadParts.reduce((sum, part) => sum + part.byteLength, 0));
}

/** How many of the first appends fit into `freeBytes` of one segment and into one batch; 0 where the first does not. */
export function batchCount(queue: readonly PendingAppend[], freeBytes: number): number {
  let bytes = 0;
  let count = 0;
  for (const { lengthBytes } of queue) {
    const fitsBatch = count === 0 || (bytes + lengthBytes <= MAX_BATCH_BYTES && count < MAX_BATCH_RECORDS);
    if (bytes + lengthBytes > freeBytes || !fitsBatch) break;
    bytes += lengthBytes;
    count += 1;
  }
  return count;
}

/**
 * Encodes a batch behind `position`. Every frame says that all before the batch is durable, which is true: the writer
 * starts no batch before the last one's barrier has returned. The frames share the batch's memory.
 */
export function encodeBatch(
  batch: readonly PendingAppend[],
  position: LogPosition,
): { bytes: Buffer; frames: Frame[] } {
  const bytes = Buffer.allocUnsafeSlow(batch.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0));
  const frames: Frame[] = [];
  let offset = 0;
  let prev = position.lastChecksum;
  for (const { draft, lengthBytes } of batch) {
    const fields = {
      prev,
      type: RECORD_TYPES[draft.type],
      flags: draft.flags,
      lsn: lsn(position.lastLsn + frames.length + 1),
      durableLsn: position.lastLsn,
      logId: position.logId,
      endMark: position.endMark,
    };
    const frame = encodeFrame(bytes, offset, fields, draft.payloadParts);
    frames.push(frame);
    offset += lengthBytes;
    prev = frame.checksum;
  }
  return { bytes, frames };
}
