/**
 * The one segment that is appended to. It knows bytes and barriers, not records. Its two failures are told apart because
 * they mean opposite things: a write that was cut back has left nothing, a barrier that failed has left the unknown.
 */
import type { OpenFile } from '#libs/durable-fs';
import type { Lsn } from '#libs/kernel';
import type { NamedSegment } from './segment-factory.js';
import { SEGMENT_HEADER_BYTES } from './segment-header.js';
import { zeroFill } from './zero-fill.js';

/** The batch could not be written and every trace of it is gone, durably; the next batch may be tried. */
export class WriteCutBack extends Error {
  override readonly name = 'WriteCutBack';
}

/** What is on the disk is unknown, and asking again would lie: Linux drops a failed page's dirty mark. */
export class BarrierFailed extends Error {
  override readonly name = 'BarrierFailed';
}

export class ActiveSegment {
  readonly path: string;
  readonly firstLsn: Lsn;
  readonly sizeBytes: number;
  readonly #file: OpenFile;
  #offsetBytes: number;

  constructor({ file, path, header, sizeBytes }: NamedSegment, offsetBytes = SEGMENT_HEADER_BYTES) {
    this.path = path;
    this.firstLsn = header.firstLsn;
    this.sizeBytes = sizeBytes;
    this.#file = file;
    this.#offsetBytes = offsetBytes;
  }

  /** Where the next frame goes. */
  get offsetBytes(): number {
    return this.#offsetBytes;
  }

  get freeBytes(): number {
    return this.sizeBytes - this.#offsetBytes;
  }

  /** Writes a batch and makes it durable: the commit point. Throws `WriteCutBack` or `BarrierFailed`. */
  async commit(batch: Buffer): Promise<void> {
    try {
      await this.#file.write(batch, this.#offsetBytes);
    } catch (cause) {
      await this.#cutBack(batch.length);
      throw new WriteCutBack('the write failed and was cut back', { cause });
    }
    await this.#barrier();
    this.#offsetBytes += batch.length;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #cutBack(lengthBytes: number): Promise<void> {
    try {
      await zeroFill(this.#file, this.#offsetBytes, this.#offsetBytes + lengthBytes);
    } catch (cause) {
      throw new BarrierFailed('a failed write could not be cut back', { cause });
    }
    await this.#barrier();
  }

  async #barrier(): Promise<void> {
    try {
      await this.#file.dataSync();
    } catch (cause) {
      throw new BarrierFailed('fdatasync failed', { cause });
    }
  }
}
