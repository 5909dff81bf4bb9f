/**
 * Finds the first file in a `multipart/form-data` body and hands out its bytes as they arrive. Everything else in the
 * body is read over, within limits. The file's bytes end only when the closing boundary has been seen, so a body that
 * was cut behind the file is an error before anything is stored, not after.
 *
 *   body ──pump──▶ Dicer ──▶ part, part, file part ──▶ whoever stores it
 *                               (read over)    └ not read? the pump waits, and with it the socket
 */
import { Dicer } from '@fastify/busboy';
import { StoreError } from '#libs/kernel';
import type { Readable } from 'node:stream';
import { filePartHeader } from './part-header.js';
import type { FilePartHeader, PartHeader } from './part-header.js';

/** Text fields and a preamble before the file. */
export const MAX_BYTES_BEFORE_FILE = 1024 * 1024;
/** Further parts and an epilogue behind the file. */
export const MAX_BYTES_AFTER_FILE = 8 * 1024 * 1024;
export const MAX_PARTS = 128;
/** A name of 1,024 bytes, each escaped as three, and what else a part says of itself. */
export const MAX_PART_HEADER_BYTES = 16 * 1024;
export const MAX_PART_HEADER_FIELDS = 32;
/** The parser cuts off what exceeds its own limits, in silence, and a digest may stand there: ours are met before. */
const PARSER_LIMITS = { maxHeaderPairs: MAX_PART_HEADER_FIELDS + 1, maxHeaderSize: MAX_PART_HEADER_BYTES + 1024 };

export interface FilePart extends FilePartHeader {
  /** To be consumed once. Throws `upload_incomplete` or `payload_too_large`. */
  readonly bytes: AsyncIterable<Buffer>;
  /** Stops reading the body; to be called in the end, however it went. */
  close(): void;
}

/** Throws `file_missing`, `upload_incomplete` or `payload_too_large`. */
export async function openFilePart(body: AsyncIterable<Buffer>, boundary: string): Promise<FilePart> {
  const reader = new MultipartReader(boundary);
  void reader.pump(body);
  try {
    const { header, part } = await reader.filePart;
    return { ...header, bytes: reader.bytesOf(part), close: () => reader.close() };
  } catch (error) {
    reader.close();
    throw error;
  }
}

interface FoundFile {
  readonly header: FilePartHeader;
  readonly part: Readable;
}

class MultipartReader {
  readonly #dicer: Dicer;
  readonly #found = Promise.withResolvers<FoundFile>();
  readonly #complete = Promise.withResolvers<void>();
  #place: 'before' | 'file' | 'after' = 'before';
  #bytesOutside = 0;
  #parts = 0;
  #boundaryClosed = false;
  #bodyEnded = false;
  #file: Readable | undefined;
  #endWrite: (() => void) | undefined;
  #abandonWrite: ((reason: Error) => void) | undefined;
  #failure: Error | undefined;

  constructor(boundary: string) {
    this.#dicer = new Dicer({ boundary, ...PARSER_LIMITS });
    this.#dicer.on('part', (part: Readable) => this.#meetPart(part));
    this.#dicer.on('finish', () => {
      this.#boundaryClosed = true;
      // A parser that paused in the piece with the closing boundary is done, and never asks for more.
      this.#endWrite?.();
      this.#settle();
    });
    this.#dicer.on('error', () => this.#fail(incomplete()));
    // Each is met by whoever waits for it, if anybody does.
    for (const { promise } of [this.#found, this.#complete]) promise.catch(() => undefined);
  }

  get filePart(): Promise<FoundFile> {
    return this.#found.promise;
  }

  async pump(body: AsyncIterable<Buffer>): Promise<void> {
    try {
      for await (const piece of body) {
        this.#count(piece);
        // What stands behind the closing boundary means nothing.
        if (!this.#boundaryClosed) await this.#write(piece);
      }
      this.#bodyEnded = true;
      if (!this.#boundaryClosed) this.#dicer.end();
      this.#settle();
    } catch (error) {
      this.#fail(StoreError.is(error) ? error : connectionEnded(error));
    }
  }

  async *bytesOf(part: Readable): AsyncGenerator<Buffer> {
    try {
      yield* part as AsyncIterable<Buffer>;
    } catch (error) {
      // A part knows only that it was cut; the reason is told where the whole body is read.
      await this.#complete.promise;
      throw error;
    }
    this.#leaveFile();
    await this.#complete.promise;
  }

  close(): void {
    this.#fail(new Error('the multipart body was closed'));
  }

  /** Resolves when the parser wants more; rejects when nobody wants the file any more. */
  #write(piece: Buffer): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // A promise of its own for each piece: one that lives as long as the upload would keep a little of every piece.
    return new Promise((resolve, reject) => {
      this.#endWrite = resolve;
      this.#abandonWrite = reject;
      this.#dicer.write(piece, () => resolve());
    });
  }

  #count({ length }: Buffer): void {
    if (this.#place === 'file') return;
    this.#bytesOutside += length;
    const limitBytes = this.#place === 'before' ? MAX_BYTES_BEFORE_FILE : MAX_BYTES_AFTER_FILE;
    if (this.#bytesOutside > limitBytes) throw tooMuch(`${limitBytes} bytes ${this.#place} the file`);
  }

  #meetPart(part: Readable): void {
    this.#parts += 1;
    if (this.#parts > MAX_PARTS) this.#fail(tooMuch(`${MAX_PARTS} parts`));
    if (this.#place === 'file') this.#leaveFile();
    // A cut body is told by the parser itself; a part's own complaint about it adds nothing.
    part.on('error', () => undefined);
    part.on('header', (header: PartHeader) => {
      if (exceedsLimits(header)) {
        this.#fail(tooMuch(HEADER_LIMIT));
        return;
      }
      const file = this.#place === 'before' ? filePartHeader(header) : undefined;
      if (file === undefined) part.resume();
      else this.#enterFile(file, part);
    });
  }

  #enterFile(header: FilePartHeader, part: Readable): void {
    this.#place = 'file';
    this.#file = part;
    this.#found.resolve({ header, part });
  }

  #leaveFile(): void {
    if (this.#place === 'after') return;
    this.#place = 'after';
    this.#bytesOutside = 0;
  }

  /** An epilogue is read to its end, too: the connection can be used again only then. */
  #settle(): void {
    if (!this.#boundaryClosed || !this.#bodyEnded) return;
    this.#found.reject(new StoreError('file_missing', 'The form holds no file: add a part with a filename.'));
    this.#complete.resolve();
  }

  #fail(error: Error): void {
    this.#found.reject(error);
    this.#complete.reject(error);
    this.#failure ??= error;
    this.#abandonWrite?.(error);
    this.#file?.destroy(error);
  }
}

const HEADER_LIMIT = `${MAX_PART_HEADER_BYTES} bytes or ${MAX_PART_HEADER_FIELDS} fields in the header of a part`;

function exceedsLimits(header: PartHeader): boolean {
  const lengths = Object.entries(header).flatMap(([name, values]) => values.map((value) => name.length + value.length));
  const sumBytes = lengths.reduce((sum, length) => sum + length, 0);
  return lengths.length > MAX_PART_HEADER_FIELDS || sumBytes > MAX_PART_HEADER_BYTES;
}

function incomplete(): StoreError {
  return new StoreError(
    'upload_incomplete',
    'The multipart body ended before its closing boundary. Nothing was stored.',
  );
}

function connectionEnded(cause: unknown): StoreError {
  return new StoreError('upload_incomplete', 'The connection ended before the body did. Nothing was stored.', {
    cause,
  });
}

function tooMuch(what: string): StoreError {
  return new StoreError('payload_too_large', `The multipart body holds more than ${what}.`);
}
