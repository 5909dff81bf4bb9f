/**
 * Walks the frames of one segment file from an offset, through a read window, so that a segment of any size is read in
 * bounded memory. Each frame is verified alone; what the sequence of them means is decided elsewhere (segment-scan.ts).
 */
import type { OpenFile } from '#libs/durable-fs';
import { decodeFrame, MAX_FRAME_BYTES, MIN_FRAME_BYTES } from '#libs/kernel';
import type { BadFrame, Frame } from '#libs/kernel';

const WINDOW_BYTES = 1024 * 1024;

export interface FrameAt {
  readonly offsetBytes: number;
  readonly frame: Frame;
}

export class FrameCursor {
  readonly #file: OpenFile;
  #window: Buffer = Buffer.alloc(0);
  #windowStart = 0;
  #offsetBytes: number;

  constructor(file: OpenFile, startBytes: number) {
    this.#file = file;
    this.#offsetBytes = startBytes;
  }

  /** Where the next frame starts. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  /**
   * The next frame, or why none starts at `offsetBytes` (the cursor then stays). A frame shares memory with the window it
   * was read into; windows are never reused, so it may be kept.
   */
  async next(): Promise<{ readonly at: FrameAt } | { readonly bad: BadFrame }> {
    let decoded = decodeFrame(this.#window, this.#offsetBytes - this.#windowStart);
    if (!decoded.ok && decoded.bad.reason === 'short') {
      await this.#refill(WINDOW_BYTES);
      decoded = decodeFrame(this.#window, 0);
      if (!decoded.ok && decoded.bad.reason === 'short' && (decoded.bad.lengthBytes ?? 0) > WINDOW_BYTES) {
        await this.#refill(MAX_FRAME_BYTES);
        decoded = decodeFrame(this.#window, 0);
      }
    }
    if (!decoded.ok) return { bad: decoded.bad };
    const at = { offsetBytes: this.#offsetBytes, frame: decoded.frame };
    this.#offsetBytes += decoded.frame.lengthBytes;
    return { at };
  }

  async #refill(sizeBytes: number): Promise<void> {
    // Short files are many where a log is small, and a window as large as the largest frame would be made for each.
    const leftBytes = (await this.#file.size()) - this.#offsetBytes;
    const window = Buffer.allocUnsafeSlow(Math.max(Math.min(sizeBytes, leftBytes), MIN_FRAME_BYTES));
    const count = await this.#file.read(window, this.#offsetBytes);
    this.#window = window.subarray(0, count);
    this.#windowStart = this.#offsetBytes;
  }
}
