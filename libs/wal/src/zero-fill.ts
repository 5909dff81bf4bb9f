import type { OpenFile } from '#libs/durable-fs';

const PIECE_BYTES = 1024 * 1024;
/** A sync now and then keeps a large fill from becoming one burst that the log's own fsync would wait behind. */
const SYNC_EVERY_BYTES = 8 * PIECE_BYTES;
const ZEROS = Buffer.alloc(PIECE_BYTES);

/** Writes zeros from `startBytes` to `endBytes`; the caller makes the last of them durable. */
export async function zeroFill(file: OpenFile, startBytes: number, endBytes: number): Promise<void> {
  for (let at = startBytes; at < endBytes; at += PIECE_BYTES) {
    await file.write(ZEROS.subarray(0, Math.min(PIECE_BYTES, endBytes - at)), at);
    if ((at - startBytes) % SYNC_EVERY_BYTES === 0 && at > startBytes) await file.dataSync();
  }
}
