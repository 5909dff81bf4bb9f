/**
 * The frame: the bytes of one record, in the log and, for `file_put` and `file_delete`, on every store. It proves itself
 * alone (the checksum covers all that follows it) and proves its place in the log (`prev` is the checksum of the frame
 * before). Byte boxes and reasons: docs/formats/wal.md.
 *
 *    0  u32  checksum       CRC-32C of bytes 4 … length
 *    4  u32  prev           checksum of the frame before, in LSN order
 *    8  u32  length         whole frame in bytes, a multiple of 8, at most 16 MiB
 *   12  u16  type           RecordType
 *   14  u16  flags          RecordFlag bits
 *   16  u64  lsn
 *   24  u64  durable_lsn    last LSN known synced when the frame was built; below lsn
 *   32  16   log_id
 *   48  u32  payload_length
 *   52  u32  version        1
 *   56       payload, then zeros to a multiple of 8
 *   -8  u64  end mark       the log's own mark, never zero
 *
 * All integers are little-endian.
 */
import { chunkChecksum, frameChecksum } from './checksum.js';
import { lsn, uuidFromBytes, uuidToBytes } from './ids.js';
import type { LogId, Lsn } from './ids.js';

export const FRAME_VERSION = 1;
export const FRAME_ALIGNMENT_BYTES = 8;
export const FRAME_HEADER_BYTES = 56;
export const FRAME_END_MARK_BYTES = 8;
export const MIN_FRAME_BYTES = FRAME_HEADER_BYTES + FRAME_END_MARK_BYTES;
export const MAX_FRAME_BYTES = 16 * 1024 * 1024;
export const MAX_PAYLOAD_BYTES = MAX_FRAME_BYTES - MIN_FRAME_BYTES;

export interface FrameHeader {
  readonly checksum: number;
  readonly prev: number;
  readonly lengthBytes: number;
  readonly type: number;
  readonly flags: number;
  readonly lsn: Lsn;
  readonly durableLsn: Lsn;
  readonly logId: LogId;
  readonly payloadBytes: number;
  readonly version: number;
}

/** A frame whose checksum holds. `bytes` and `payload` share memory with the buffer it was decoded from. */
export interface Frame extends FrameHeader {
  readonly bytes: Buffer;
  readonly payload: Buffer;
}

/** Why no frame starts here. `checksum`: everything else fits, so the bytes were whole once or are whole but changed. */
export type BadFrameReason = 'zeros' | 'short' | 'length' | 'end_mark' | 'checksum' | 'version';

export interface BadFrame {
  readonly reason: BadFrameReason;
  readonly expected?: number;
  readonly actual?: number;
  /** Present where the length field is plausible. */
  readonly lengthBytes?: number;
}

export type DecodedFrame =
  { readonly ok: true; readonly frame: Frame } | { readonly ok: false; readonly bad: BadFrame };

export interface FrameFields {
  readonly prev: number;
  readonly type: number;
  readonly flags: number;
  readonly lsn: Lsn;
  readonly durableLsn: Lsn;
  readonly logId: LogId;
  /** 8 bytes as lower-case hex. */
  readonly endMark: string;
}

/** Bytes of the frame that carries a payload of `payloadBytes`. */
export function frameLength(payloadBytes: number): number {
  return FRAME_HEADER_BYTES + alignUp(payloadBytes) + FRAME_END_MARK_BYTES;
}

/**
 * Writes one frame into `target` at `offset`; the frame returned shares its memory. The payload is the concatenation of
 * `payloadParts`; `target` must have room for `frameLength` of it.
 */
export function encodeFrame(
  target: Buffer,
  offset: number,
  fields: FrameFields,
  payloadParts: readonly Uint8Array[],
): Frame {
  let at = offset + FRAME_HEADER_BYTES;
  for (const part of payloadParts) {
    target.set(part, at);
    at += part.byteLength;
  }
  const payloadBytes = at - offset - FRAME_HEADER_BYTES;
  const lengthBytes = frameLength(payloadBytes);
  target.fill(0, at, offset + lengthBytes - FRAME_END_MARK_BYTES);
  target.write(fields.endMark, offset + lengthBytes - FRAME_END_MARK_BYTES, 'hex');
  target.writeUInt32LE(fields.prev, offset + 4);
  target.writeUInt32LE(lengthBytes, offset + 8);
  target.writeUInt16LE(fields.type, offset + 12);
  target.writeUInt16LE(fields.flags, offset + 14);
  writeLsn(target, offset + 16, fields.lsn);
  writeLsn(target, offset + 24, fields.durableLsn);
  target.set(uuidToBytes(fields.logId), offset + 32);
  target.writeUInt32LE(payloadBytes, offset + 48);
  target.writeUInt32LE(FRAME_VERSION, offset + 52);
  const bytes = target.subarray(offset, offset + lengthBytes);
  const checksum = frameChecksum(bytes.subarray(4));
  bytes.writeUInt32LE(checksum, 0);
  const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + payloadBytes);
  const { prev, type, flags, lsn: frameLsn, durableLsn, logId } = fields;
  const version = FRAME_VERSION;
  return {
    checksum,
    prev,
    lengthBytes,
    type,
    flags,
    lsn: frameLsn,
    durableLsn,
    logId,
    payloadBytes,
    version,
    bytes,
    payload,
  };
}

/**
 * Decodes the frame that starts at `offset` of `source`; never throws on foreign bytes. `checksumOf` is CRC-32C, by the one
 * library or the other.
 */
export function decodeFrame(source: Buffer, offset: number, checksumOf = frameChecksum): DecodedFrame {
  const available = source.length - offset;
  if (available < MIN_FRAME_BYTES) return bad('short');
  const lengthBytes = source.readUInt32LE(offset + 8);
  if (!isPlausibleLength(lengthBytes)) {
    return bad(isZero(source.subarray(offset, offset + FRAME_HEADER_BYTES)) ? 'zeros' : 'length');
  }
  if (lengthBytes > available) return { ok: false, bad: { reason: 'short', lengthBytes } };
  const bytes = source.subarray(offset, offset + lengthBytes);
  if (isZero(bytes.subarray(lengthBytes - FRAME_END_MARK_BYTES)))
    return { ok: false, bad: { reason: 'end_mark', lengthBytes } };
  const expected = bytes.readUInt32LE(0);
  const actual = checksumOf(bytes.subarray(4));
  if (expected !== actual) return { ok: false, bad: { reason: 'checksum', expected, actual, lengthBytes } };
  if (bytes.readUInt32LE(52) !== FRAME_VERSION) return { ok: false, bad: { reason: 'version', lengthBytes } };
  const header = readHeader(bytes);
  if (header === undefined) return { ok: false, bad: { reason: 'length', lengthBytes } };
  const payload = bytes.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + header.payloadBytes);
  return { ok: true, frame: { ...header, bytes, payload } };
}

/**
 * The frame that fills `bytes` exactly, as a manifest or tombstone does on a store. Checked as chunks are: jobs and passes
 * read millions of them.
 */
export function decodeWholeFrame(bytes: Buffer): DecodedFrame {
  const decoded = decodeFrame(bytes, 0, chunkChecksum);
  if (decoded.ok && decoded.frame.lengthBytes !== bytes.length) return bad('length');
  return decoded;
}

/** The frame's last 8 bytes as lower-case hex. */
export function frameEndMark({ bytes }: Frame): string {
  return bytes.toString('hex', bytes.length - FRAME_END_MARK_BYTES);
}

export function writeLsn(target: Buffer, offset: number, value: Lsn): void {
  target.writeUInt32LE(value % 0x1_0000_0000, offset);
  target.writeUInt32LE(Math.floor(value / 0x1_0000_0000), offset + 4);
}

/** The LSN at `offset`, or undefined where the 64 bits hold no LSN of ours (2^53 or more). */
export function readLsn(source: Buffer, offset: number): Lsn | undefined {
  const value = source.readUInt32LE(offset + 4) * 0x1_0000_0000 + source.readUInt32LE(offset);
  return Number.isSafeInteger(value) ? lsn(value) : undefined;
}

export function isZero(bytes: Uint8Array): boolean {
  for (let index = 0; index < bytes.length; index += 1) if (bytes[index] !== 0) return false;
  return true;
}

function readHeader(bytes: Buffer): FrameHeader | undefined {
  const payloadBytes = bytes.readUInt32LE(48);
  const frameLsn = readLsn(bytes, 16);
  const durableLsn = readLsn(bytes, 24);
  if (frameLength(payloadBytes) !== bytes.length || frameLsn === undefined || durableLsn === undefined)
    return undefined;
  return {
    checksum: bytes.readUInt32LE(0),
    prev: bytes.readUInt32LE(4),
    lengthBytes: bytes.length,
    type: bytes.readUInt16LE(12),
    flags: bytes.readUInt16LE(14),
    lsn: frameLsn,
    durableLsn,
    logId: uuidFromBytes(bytes, 32) as LogId,
    payloadBytes,
    version: bytes.readUInt32LE(52),
  };
}

function isPlausibleLength(lengthBytes: number): boolean {
  return lengthBytes >= MIN_FRAME_BYTES && lengthBytes <= MAX_FRAME_BYTES && lengthBytes % FRAME_ALIGNMENT_BYTES === 0;
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES;
}

function bad(reason: BadFrameReason): DecodedFrame {
  return { ok: false, bad: { reason } };
}
