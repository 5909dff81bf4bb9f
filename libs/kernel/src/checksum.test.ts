import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checksumText, chunkChecksum, frameChecksum } from './checksum.js';

const ascending = Buffer.from(Array.from({ length: 32 }, (_, index) => index));

/** An iSCSI SCSI Read (10) command PDU, as RFC 3720 appendix B.4 gives it. */
const READ_COMMAND = Buffer.from(
  '01c000000000000000000000000000001400000000000400000000140000001828000000000000000200000000000000',
  'hex',
);

describe('CRC-32C', () => {
  // RFC 3720 prints the bytes of the checksum in the order of the wire, lowest first.
  it.each([
    ['32 bytes of zeros', Buffer.alloc(32), 'aa36918a'],
    ['32 bytes of ones', Buffer.alloc(32, 0xff), '43aba862'],
    ['32 incrementing bytes', ascending, '4e79dd46'],
    ['32 decrementing bytes', Buffer.from(ascending).reverse(), '5cdb3f11'],
    ['an iSCSI read command', READ_COMMAND, '563a96d9'],
  ])('RFC 3720 B.4: %s', (_name, bytes, wire) => {
    const expected = Buffer.from(wire, 'hex').readUInt32LE(0);
    expect(frameChecksum(bytes)).toBe(expected);
    expect(chunkChecksum(bytes)).toBe(expected);
  });

  it('is zero for no bytes', () => {
    expect(frameChecksum(Buffer.alloc(0))).toBe(0);
    expect(chunkChecksum(Buffer.alloc(0))).toBe(0);
  });

  it('is the same from both libraries, at any length and alignment', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 4096 }), fc.nat({ max: 15 }), (bytes, skipped) => {
        const view = Buffer.from(bytes).subarray(Math.min(skipped, bytes.length));
        expect(chunkChecksum(view)).toBe(frameChecksum(view));
      }),
    );
  });

  it('is the same from both libraries over a megabyte', () => {
    const bytes = Buffer.alloc(1024 * 1024 + 3, 'Holdfast');
    expect(chunkChecksum(bytes)).toBe(frameChecksum(bytes));
  });

  it('is written as eight hex digits', () => {
    expect(checksumText(0)).toBe('00000000');
    expect(checksumText(0xab)).toBe('000000ab');
    expect(checksumText(0xffff_ffff)).toBe('ffffffff');
  });
});
