/**
 * The first 128 bytes of a segment. A header is written before the file gets its name and never again, so a file with a
 * segment's name and no valid header was not made by us or has rotted. Byte boxes: docs/formats/wal.md.
 *
 *    0  8    magic "HOLDWAL1"
 *    8  u32  version           1
 *   12  u32  header length     128
 *   16  16   cluster_id
 *   32  16   log_id
 *   48  u64  first LSN
 *   56  u64  checkpoint        the log's checkpoint when the segment was made
 *   64  u32  prev              checksum of the frame before the first one here; 0 at the log's start
 *   68  u32  zero
 *   72  8    end mark          the last 8 bytes of every frame of this log, random, never zero
 *   80       zeros
 *  124  u32  checksum          CRC-32C of bytes 0 … 124
 */
import { frameChecksum, isZero, readLsn, uuidFromBytes, uuidToBytes, writeLsn } from '#libs/kernel';
import type { ClusterId, LogId, Lsn } from '#libs/kernel';

export const SEGMENT_HEADER_BYTES = 128;
export const SEGMENT_VERSION = 1;

const MAGIC = Buffer.from('HOLDWAL1', 'latin1');
const CHECKSUM_OFFSET = 124;

export interface SegmentHeader {
  readonly clusterId: ClusterId;
  readonly logId: LogId;
  readonly firstLsn: Lsn;
  readonly checkpointLsn: Lsn;
  readonly prev: number;
  /** 8 bytes as lower-case hex. */
  readonly endMark: string;
}

export type DecodedHeader =
  | { readonly ok: true; readonly header: SegmentHeader }
  | { readonly ok: false; readonly reason: 'no_header' | 'future_version' };

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(bytes, 0);
  bytes.writeUInt32LE(SEGMENT_VERSION, 8);
  bytes.writeUInt32LE(SEGMENT_HEADER_BYTES, 12);
  uuidToBytes(header.clusterId).copy(bytes, 16);
  uuidToBytes(header.logId).copy(bytes, 32);
  writeLsn(bytes, 48, header.firstLsn);
  writeLsn(bytes, 56, header.checkpointLsn);
  bytes.writeUInt32LE(header.prev, 64);
  bytes.write(header.endMark, 72, 'hex');
  bytes.writeUInt32LE(frameChecksum(bytes.subarray(0, CHECKSUM_OFFSET)), CHECKSUM_OFFSET);
  return bytes;
}

export function decodeSegmentHeader(bytes: Buffer): DecodedHeader {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, 8).equals(MAGIC))
    return { ok: false, reason: 'no_header' };
  const expected = bytes.readUInt32LE(CHECKSUM_OFFSET);
  if (frameChecksum(bytes.subarray(0, CHECKSUM_OFFSET)) !== expected) return { ok: false, reason: 'no_header' };
  if (bytes.readUInt32LE(8) !== SEGMENT_VERSION) return { ok: false, reason: 'future_version' };
  const firstLsn = readLsn(bytes, 48);
  const checkpointLsn = readLsn(bytes, 56);
  const endMark = bytes.subarray(72, 80);
  if (firstLsn === undefined || checkpointLsn === undefined || isZero(endMark))
    return { ok: false, reason: 'no_header' };
  return {
    ok: true,
    header: {
      clusterId: uuidFromBytes(bytes, 16) as ClusterId,
      logId: uuidFromBytes(bytes, 32) as LogId,
      firstLsn,
      checkpointLsn,
      prev: bytes.readUInt32LE(64),
      endMark: endMark.toString('hex'),
    },
  };
}
