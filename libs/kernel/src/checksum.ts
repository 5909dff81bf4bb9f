/**
 * CRC-32C (Castagnoli, RFC 3720 appendix B.4) by two libraries: `crc-32` is pure JavaScript, so that a log can be read
 * wherever JavaScript runs; `@node-rs/crc32` is native and eight times faster on bulk. A test holds them equal.
 */
import { crc32c as nativeCrc32c } from '@node-rs/crc32';
import pureCrc32c from 'crc-32/crc32c.js';

/** Checksum of a frame or a segment header, unsigned 32 bits. */
export function frameChecksum(bytes: Uint8Array): number {
  return pureCrc32c.buf(bytes) >>> 0;
}

/** Checksum of a stored object's bytes, of a chunk or of a frame that stands alone on a store, unsigned 32 bits. */
export function chunkChecksum(bytes: Uint8Array): number {
  return nativeCrc32c(bytes);
}

export function checksumText(checksum: number): string {
  return checksum.toString(16).padStart(8, '0');
}
