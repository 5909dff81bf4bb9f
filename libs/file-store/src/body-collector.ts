/**
 * Takes a body apart in one pass: a small one stays in memory, whole; a larger one becomes staged chunks. Lengths and the
 * SHA-256 of the whole are known at its end, before anything is published.
 */
import { StoreError } from '#libs/kernel';
import type { StagedChunk } from '#libs/stores';
import { hash } from 'node:crypto';
import { DigestCheck } from './digest-check.js';
import type { ExpectedDigest } from './digest-check.js';
import type { StagingWindow } from './staging-window.js';
import type { TransferBuffer } from './transfer-buffers.js';

export interface BodyLimits {
  readonly chunkSizeBytes: number;
  /** Bodies up to here stay whole; at most a chunk. */
  readonly inlineMaxBytes: number;
  readonly maxBytes: number;
  readonly declaredBytes: number | undefined;
  /** What the body must turn out to be. */
  readonly digests: readonly ExpectedDigest[];
}

export interface CollectedBody {
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
  /** The whole body where it is small enough; valid until the window is disposed of. */
  readonly inline: Buffer | undefined;
  /** Else its chunks, in order, staged and synced. */
  readonly staged: readonly StagedChunk[];
}

export class BodyCollector {
  readonly #window: StagingWindow;
  readonly #limits: BodyLimits;
  readonly #onLarge: () => void;
  #current: TransferBuffer | undefined;
  #filledBytes = 0;
  #sizeBytes = 0;
  #isLarge = false;
  readonly #digestCheck: DigestCheck;

  /** `onLarge` is called once, before the first chunk is staged, when the body turns out too large to stay whole. */
  constructor(window: StagingWindow, limits: BodyLimits, onLarge: () => void) {
    this.#window = window;
    this.#limits = limits;
    this.#digestCheck = new DigestCheck(limits.digests, ['sha-256']);
    this.#onLarge = onLarge;
  }

  /** Consumes the body. Throws `file_too_large`, `upload_incomplete`, `digest_mismatch`, `overloaded`, or the file system's error. */
  async collect(body: AsyncIterable<Buffer>): Promise<CollectedBody> {
    const pieces = body[Symbol.asyncIterator]();
    try {
      for (let piece = await nextPiece(pieces); piece !== undefined; piece = await nextPiece(pieces)) {
        await this.#add(piece);
      }
    } finally {
      await pieces.return?.();
    }
    const { declaredBytes } = this.#limits;
    if (declaredBytes !== undefined && declaredBytes !== this.#sizeBytes) {
      throw incomplete(`${declaredBytes} bytes were declared and ${this.#sizeBytes} came`);
    }
    const sizeBytes = this.#sizeBytes;
    if (!this.#isLarge) {
      const inline = this.#current?.bytes.subarray(0, this.#filledBytes) ?? Buffer.alloc(0);
      const sha256 = hash('sha256', inline, 'hex');
      this.#assertDigests(sha256);
      return { sizeBytes, sha256, inline, staged: [] };
    }
    if (this.#current !== undefined) this.#stage(this.#current);
    const { staged, sha256 } = await this.#window.all();
    this.#assertDigests(sha256);
    return { sizeBytes, sha256, inline: undefined, staged };
  }

  async #add(piece: Buffer): Promise<void> {
    this.#sizeBytes += piece.length;
    const { maxBytes, declaredBytes } = this.#limits;
    if (this.#sizeBytes > maxBytes) throw fileTooLarge(maxBytes);
    if (declaredBytes !== undefined && this.#sizeBytes > declaredBytes) {
      throw incomplete(`${declaredBytes} bytes were declared and more came`);
    }
    this.#digestCheck.update(piece);
    for (let at = 0; at < piece.length;) {
      this.#current ??= await this.#nextBuffer();
      const count = piece.copy(this.#current.bytes, this.#filledBytes, at);
      at += count;
      this.#filledBytes += count;
      if (this.#sizeBytes > this.#limits.inlineMaxBytes) this.#becomeLarge();
      if (this.#isLarge && this.#filledBytes === this.#current.bytes.length) this.#stage(this.#current);
    }
  }

  async #nextBuffer(): Promise<TransferBuffer> {
    if (this.#isLarge) return this.#window.nextBuffer();
    const { declaredBytes, inlineMaxBytes, chunkSizeBytes } = this.#limits;
    // A small file of known length needs no whole chunk of memory.
    const isSmall = declaredBytes !== undefined && declaredBytes <= inlineMaxBytes;
    return this.#window.firstBuffer(isSmall ? declaredBytes : chunkSizeBytes);
  }

  #assertDigests(sha256: string): void {
    this.#digestCheck.assert({ 'sha-256': Buffer.from(sha256, 'hex') });
  }

  #stage(buffer: TransferBuffer): void {
    this.#window.stage(buffer, this.#filledBytes);
    this.#current = undefined;
    this.#filledBytes = 0;
  }

  #becomeLarge(): void {
    if (this.#isLarge) return;
    this.#isLarge = true;
    this.#onLarge();
  }
}

/** The refusal of a file that exceeds, or is declared to exceed, `maxBytes`. */
export function fileTooLarge(maxBytes: number): StoreError {
  return new StoreError('file_too_large', `This server accepts files of up to ${maxBytes} bytes (MAX_FILE_SIZE).`, {
    context: { limit_bytes: maxBytes },
  });
}

/** The next piece of a body, undefined at the end. One that breaks off says so in our terms, whatever the transport throws. */
export async function nextPiece(pieces: AsyncIterator<Buffer>): Promise<Buffer | undefined> {
  try {
    const next = await pieces.next();
    return next.done === true ? undefined : next.value;
  } catch (cause) {
    if (StoreError.is(cause)) throw cause;
    throw incomplete('the connection ended', cause);
  }
}

function incomplete(why: string, cause?: unknown): StoreError {
  return new StoreError('upload_incomplete', `The upload is incomplete: ${why}. Nothing was stored.`, { cause });
}
