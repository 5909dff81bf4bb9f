/**
 * Makes segments. A segment is whole and durable before it has its name: a temporary file of zeros, a header, fsync,
 * rename, fsync of the directory. The zeros are written ahead, in the background, so that rotation costs one small write,
 * and because appending into allocated, zeroed space spares `fdatasync` the file's metadata.
 */
import type { FileSystem, OpenFile } from '#libs/durable-fs';
import { systemErrorCode } from '#libs/kernel';
import { join } from 'node:path';
import type { LogLayout } from './log-layout.js';
import { segmentName, temporaryName } from './log-layout.js';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.js';
import type { SegmentHeader } from './segment-header.js';
import { zeroFill } from './zero-fill.js';

/** A temporary file of zeros, not yet a segment. */
export interface BlankSegment {
  readonly file: OpenFile;
  readonly sizeBytes: number;
}

export interface NamedSegment extends BlankSegment {
  readonly path: string;
  readonly header: SegmentHeader;
}

export class SegmentFactory {
  readonly #fs: FileSystem;
  readonly #layout: LogLayout;
  readonly #segmentSizeBytes: number;
  /** Absent until `makeAhead`; one attempt a segment, so that a full disk is not filled again with every batch. */
  #madeAhead: Promise<BlankSegment | undefined> | undefined;

  constructor(fs: FileSystem, layout: LogLayout, segmentSizeBytes: number) {
    this.#fs = fs;
    this.#layout = layout;
    this.#segmentSizeBytes = segmentSizeBytes;
  }

  /** Starts to write the next segment's zeros. A failure here is none of the log's: `blank` then tries itself. */
  makeAhead(): void {
    this.#madeAhead ??= this.#writeZeros(this.#segmentSizeBytes).catch(() => undefined);
  }

  /** A blank with room for `roomBytes` behind its header. Where it throws (a full disk), nothing has happened. */
  async blank(roomBytes: number): Promise<BlankSegment> {
    const sizeBytes = Math.max(this.#segmentSizeBytes, SEGMENT_HEADER_BYTES + roomBytes);
    const ready = await this.#madeAhead;
    this.#madeAhead = undefined;
    if (ready !== undefined && ready.sizeBytes >= sizeBytes) return ready;
    await ready?.file.close();
    return this.#writeZeros(sizeBytes);
  }

  /**
   * Gives a blank its header and its name, both durable on return. Where it throws, the name may stand or not: nothing
   * may be appended to the log until a restart has looked.
   */
  async name(blank: BlankSegment, header: SegmentHeader): Promise<NamedSegment> {
    const path = join(this.#layout.segments, segmentName(header.firstLsn));
    await blank.file.write(encodeSegmentHeader(header), 0);
    await blank.file.dataSync();
    await this.#fs.rename(this.#temporaryPath(), path);
    await this.#fs.syncDirectory(this.#layout.segments);
    return { ...blank, path, header };
  }

  async close(): Promise<void> {
    const ready = await this.#madeAhead;
    this.#madeAhead = undefined;
    await ready?.file.close();
  }

  async #writeZeros(sizeBytes: number): Promise<BlankSegment> {
    await this.#removeLeftover();
    const file = await this.#fs.create(this.#temporaryPath());
    try {
      await zeroFill(file, 0, sizeBytes);
      await file.dataSync();
      return { file, sizeBytes };
    } catch (error) {
      await file.close();
      await this.#removeLeftover();
      throw error;
    }
  }

  async #removeLeftover(): Promise<void> {
    try {
      await this.#fs.unlink(this.#temporaryPath());
    } catch (error) {
      if (systemErrorCode(error) !== 'ENOENT') throw error;
    }
  }

  #temporaryPath(): string {
    return join(this.#layout.segments, temporaryName('next'));
  }
}
