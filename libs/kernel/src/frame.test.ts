import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { frameChecksum } from './checksum.js';
import {
  decodeFrame,
  decodeWholeFrame,
  encodeFrame,
  FRAME_ALIGNMENT_BYTES,
  FRAME_END_MARK_BYTES,
  FRAME_HEADER_BYTES,
  frameEndMark,
  frameLength,
  isZero,
  MAX_FRAME_BYTES,
  MAX_PAYLOAD_BYTES,
  MIN_FRAME_BYTES,
  readLsn,
  writeLsn,
} from './frame.js';
import type { DecodedFrame, Frame, FrameFields } from './frame.js';
import { lsn } from './ids.js';
import type { LogId } from './ids.js';

const FIELDS: FrameFields = {
  prev: 0x1234_5678,
  type: 2,
  flags: 1,
  lsn: lsn(42),
  durableLsn: lsn(41),
  logId: '10900000-0000-4000-8000-000000000001' as LogId,
  endMark: '8899aabbccddeef1',
};

function encode(payload: Uint8Array, fields: FrameFields = FIELDS): Frame {
  return encodeFrame(Buffer.alloc(frameLength(payload.length)), 0, fields, [payload]);
}

/** Why the bytes are no frame, or `ok`. */
function verdict(decoded: DecodedFrame): string {
  return decoded.ok ? 'ok' : decoded.bad.reason;
}

/** The frame with some bytes changed and its checksum made to hold again: what a later version could have written. */
function resealed(frame: Frame, change: (bytes: Buffer) => void): Buffer {
  const bytes = Buffer.from(frame.bytes);
  change(bytes);
  bytes.writeUInt32LE(frameChecksum(bytes.subarray(4)), 0);
  return bytes;
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const u16 = fc.integer({ min: 0, max: 0xffff });
const anyLsn = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 1, 2 ** 32 - 1, 2 ** 32, Number.MAX_SAFE_INTEGER)).map(lsn);
const anyFields: fc.Arbitrary<FrameFields> = fc.record({
  prev: u32,
  type: u16,
  flags: u16,
  lsn: anyLsn,
  durableLsn: anyLsn,
  logId: fc.uuid().map((uuid) => uuid as LogId),
  endMark: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((mark) => {
    mark[7] = mark[7]! | 1;
    return Buffer.from(mark).toString('hex');
  }),
});

describe('a frame', () => {
  it('comes back as it went in, whatever its fields, its payload and its parts', () => {
    fc.assert(
      fc.property(anyFields, fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 4 }), (fields, parts) => {
        const payload = Buffer.concat(parts);
        const written = encodeFrame(Buffer.alloc(frameLength(payload.length)), 0, fields, parts);
        const decoded = decodeWholeFrame(Buffer.from(written.bytes));
        if (!decoded.ok) throw new Error(decoded.bad.reason);
        expect(decoded.frame).toEqual(written);
        expect(decoded.frame).toMatchObject({ prev: fields.prev, type: fields.type, flags: fields.flags });
        expect(decoded.frame).toMatchObject({ lsn: fields.lsn, durableLsn: fields.durableLsn, logId: fields.logId });
        expect(decoded.frame.payload.equals(payload)).toBe(true);
        expect(frameEndMark(decoded.frame)).toBe(fields.endMark);
      }),
    );
  });

  it('comes back from the middle of a buffer, in which it changes nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat({ max: 64 }), (payload, offset) => {
        const length = frameLength(payload.length);
        const target = Buffer.alloc(offset + length + 16, 0xee);
        const { bytes } = encodeFrame(target, offset, FIELDS, [payload]);
        expect(bytes.equals(encode(payload).bytes)).toBe(true);
        expect(verdict(decodeFrame(target, offset))).toBe('ok');
        expect(target.subarray(0, offset).every((byte) => byte === 0xee)).toBe(true);
        expect(target.subarray(offset + length).every((byte) => byte === 0xee)).toBe(true);
      }),
    );
  });

  it.each([0, 1, 7, 8, 9, 15, 16, 1000])('of %i payload bytes ends on a multiple of 8, padded with zeros', (size) => {
    const { bytes, lengthBytes } = encode(Buffer.alloc(size, 0xff));
    expect(lengthBytes).toBe(bytes.length);
    expect(lengthBytes % FRAME_ALIGNMENT_BYTES).toBe(0);
    expect(lengthBytes).toBeGreaterThanOrEqual(MIN_FRAME_BYTES + size);
    expect(lengthBytes).toBeLessThan(MIN_FRAME_BYTES + size + FRAME_ALIGNMENT_BYTES);
    expect(isZero(bytes.subarray(FRAME_HEADER_BYTES + size, lengthBytes - FRAME_END_MARK_BYTES))).toBe(true);
  });

  it('overwrites what stood in its padding', () => {
    const dirty = encodeFrame(Buffer.alloc(frameLength(3), 0xee), 0, FIELDS, [Buffer.from('abc')]);
    expect(dirty.bytes.equals(encode(Buffer.from('abc')).bytes)).toBe(true);
  });

  it('of the largest payload is exactly as long as a frame may be', () => {
    expect(frameLength(MAX_PAYLOAD_BYTES)).toBe(MAX_FRAME_BYTES);
    const frame = encode(Buffer.alloc(MAX_PAYLOAD_BYTES, 7));
    expect(verdict(decodeWholeFrame(frame.bytes))).toBe('ok');
  });

  it('of one byte more than the largest payload is not read', () => {
    expect(verdict(decodeWholeFrame(encode(Buffer.alloc(MAX_PAYLOAD_BYTES + 1, 7)).bytes))).toBe('length');
  });

  it('shares its memory with the buffer it was decoded from', () => {
    const { bytes } = encode(Buffer.from('abc'));
    const decoded = decodeFrame(bytes, 0);
    bytes[FRAME_HEADER_BYTES] = 'x'.charCodeAt(0);
    expect(decoded.ok && decoded.frame.payload.toString()).toBe('xbc');
  });
});

describe('a damaged frame', () => {
  const { bytes } = encode(Buffer.from('a payload that is not a multiple of eight'));

  it('is refused with any one byte changed to any other, the bytes of its checksum included', () => {
    const undetected: string[] = [];
    for (const offset of bytes.keys()) {
      for (let mask = 1; mask < 256; mask += 1) {
        const damaged = Buffer.from(bytes);
        damaged[offset] = damaged[offset]! ^ mask;
        // Once at the end of a file, once with more behind it, so that a wrong length does not meet the end.
        const verdicts = [decodeWholeFrame(damaged), decodeFrame(Buffer.concat([damaged, bytes, bytes]), 0)].map(
          verdict,
        );
        if (verdicts.includes('ok')) undetected.push(`byte ${offset} xor ${mask}`);
      }
    }
    expect(undetected).toEqual([]);
  });

  it('tells the checksum expected and the one found', () => {
    const damaged = Buffer.from(bytes);
    damaged[FRAME_HEADER_BYTES]! ^= 1;
    const actual = frameChecksum(damaged.subarray(4));
    const bad = { reason: 'checksum', expected: bytes.readUInt32LE(0), actual, lengthBytes: bytes.length };
    expect(decodeFrame(damaged, 0)).toEqual({ ok: false, bad });
  });

  it('is short where it is cut, at whatever byte', () => {
    const verdicts = Array.from(bytes.keys(), (length) => verdict(decodeWholeFrame(bytes.subarray(0, length))));
    expect(new Set(verdicts)).toEqual(new Set(['short']));
  });

  it('is refused where zeros follow its first bytes, however many came', () => {
    const verdicts = Array.from(bytes.keys(), (length) => {
      const torn = Buffer.alloc(2 * bytes.length);
      bytes.copy(torn, 0, 0, length);
      return verdict(decodeFrame(torn, 0));
    });
    expect(verdicts[0]).toBe('zeros');
    expect(verdicts[bytes.length - FRAME_END_MARK_BYTES]).toBe('end_mark');
    expect(verdicts[bytes.length - 1]).toBe('checksum');
    expect(verdicts).not.toContain('ok');
  });

  it('has no end mark where its last eight bytes are zero, whatever its checksum says', () => {
    const damaged = resealed(encode(Buffer.from('abc')), (copy) => copy.fill(0, copy.length - FRAME_END_MARK_BYTES));
    expect(verdict(decodeFrame(damaged, 0))).toBe('end_mark');
  });
});

describe('what is no frame', () => {
  it('zeros are told from a wrong length', () => {
    expect(verdict(decodeFrame(Buffer.alloc(4096), 0))).toBe('zeros');
    const almost = Buffer.alloc(4096);
    almost[FRAME_HEADER_BYTES - 1] = 1;
    expect(verdict(decodeFrame(almost, 0))).toBe('length');
  });

  it.each([0, 1, MIN_FRAME_BYTES - 1])('%i bytes are too short', (length) => {
    expect(verdict(decodeFrame(Buffer.alloc(length), 0))).toBe('short');
  });

  it('nothing starts behind the end of the buffer', () => {
    expect(verdict(decodeFrame(Buffer.alloc(64), 64))).toBe('short');
    expect(verdict(decodeFrame(Buffer.alloc(64), 1000))).toBe('short');
  });

  it.each([
    ['below the smallest frame', MIN_FRAME_BYTES - FRAME_ALIGNMENT_BYTES],
    ['no multiple of eight', MIN_FRAME_BYTES + 1],
    ['above the largest frame', MAX_FRAME_BYTES + FRAME_ALIGNMENT_BYTES],
    ['the largest number', 0xffff_ffff],
  ])('a length %s is refused, with a checksum that holds or without', (_name, length) => {
    const bytes = resealed(encode(Buffer.alloc(100)), (copy) => copy.writeUInt32LE(length, 8));
    expect(verdict(decodeFrame(bytes, 0))).toBe('length');
  });

  it('a length that the payload contradicts is refused', () => {
    for (const payloadBytes of [0, 92, 105, 0xffff_ffff]) {
      const bytes = resealed(encode(Buffer.alloc(100)), (copy) => copy.writeUInt32LE(payloadBytes, 48));
      expect(verdict(decodeFrame(bytes, 0))).toBe('length');
    }
  });

  it.each([16, 24])('a number at %i that is no LSN (2^53 or more) is refused', (offset) => {
    const bytes = resealed(encode(Buffer.alloc(8)), (copy) => copy.writeUInt32LE(0x0020_0000, offset + 4));
    expect(verdict(decodeFrame(bytes, 0))).toBe('length');
  });

  it('a frame of a later version is told from a damaged one', () => {
    const later = resealed(encode(Buffer.from('abc')), (copy) => copy.writeUInt32LE(2, 52));
    expect(verdict(decodeFrame(later, 0))).toBe('version');
  });

  it('a frame with bytes behind it does not fill its file', () => {
    const { bytes } = encode(Buffer.from('abc'));
    expect(verdict(decodeWholeFrame(Buffer.concat([bytes, Buffer.alloc(8)])))).toBe('length');
    expect(verdict(decodeFrame(Buffer.concat([bytes, Buffer.alloc(8)]), 0))).toBe('ok');
  });

  it('foreign bytes never throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat({ max: 310 }), (bytes, offset) => {
        expect(verdict(decodeFrame(Buffer.from(bytes), offset))).not.toBe('ok');
      }),
    );
  });
});

describe('an LSN of 64 bits', () => {
  it('comes back, up to 2^53 - 1', () => {
    fc.assert(
      fc.property(anyLsn, (value) => {
        const bytes = Buffer.alloc(12);
        writeLsn(bytes, 3, value);
        expect(bytes.readBigUInt64LE(3)).toBe(BigInt(value));
        expect(readLsn(bytes, 3)).toBe(value);
      }),
    );
  });

  it('is none from 2^53 on', () => {
    const bytes = Buffer.alloc(8);
    for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 64n - 1n]) {
      bytes.writeBigUInt64LE(value);
      expect(readLsn(bytes, 0)).toBeUndefined();
    }
  });
});
