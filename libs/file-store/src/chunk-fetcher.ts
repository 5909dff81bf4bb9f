/**
 * Fetches the chunks of one read, several at once, each verified whole by length and CRC-32C before any byte of it is
 * handed on. `run` fetches ahead, `next` hands out in order; between them stands a window of buffers: one is certain, more
 * are used while there is room, never more than the parallelism.
 */
import type { Store } from '#libs/stores';
import { downloadChunkSpanName, withDetailSpan } from '#libs/telemetry';
import type { SpanDescription } from '#libs/telemetry';
import type { ChunkPart } from './read-plan.js';
import type { TransferBuffer, TransferBuffers } from './transfer-buffers.js';
import { readVerifiedChunk } from './verified-chunk.js';

export interface FetchedPart {
  /** The wanted bytes, range by range; valid until `release`. */
  readonly pieces: readonly Buffer[];
  release(): void;
}

export interface ChunkFetcherOptions {
  readonly store: Store;
  readonly buffers: TransferBuffers;
  readonly parallelism: number;
  /** Gets the bytes that the store could not give, verified, or throws; without it the fault of the store is the answer. */
  readonly fallBack?: (part: ChunkPart, into: Buffer, fault: unknown) => Promise<Buffer>;
}

/** A chunk under way. A failure is a value here, so that none is unhandled while an earlier chunk is waited for. */
type PendingPart = Promise<{ readonly part: FetchedPart } | { readonly error: unknown }>;

export class ChunkFetcher {
  readonly #options: ChunkFetcherOptions;
  readonly #parts: readonly ChunkPart[];
  readonly #pending: PendingPart[] = [];
  /** Buffers lent out: fetching, fetched, or with the reader. */
  #lent = 0;
  #started = 0;
  /** The read's last buffer, on its way to the next part: given back it would go to others, and the read would wait. */
  #kept: TransferBuffer | undefined;
  #handedOut = 0;
  #cancelled = false;
  #failure: { readonly error: unknown } | undefined;
  #changed = Promise.withResolvers<void>();

  constructor(parts: readonly ChunkPart[], options: ChunkFetcherOptions) {
    this.#parts = parts;
    this.#options = options;
  }

  /** Fetches all parts, as fast as the reader makes room; resolves when none is in flight. Failures go to `next`. */
  async run(): Promise<void> {
    try {
      for (const part of this.#parts) {
        const buffer = await this.#room(part.entry.storedBytes);
        // Cancelled while the buffer was on its way: nobody is left to give it back.
        if (this.#cancelled) buffer?.release();
        else if (buffer !== undefined) this.#start(part, buffer);
        if (this.#cancelled) break;
      }
    } catch (error) {
      this.#failure = { error };
      this.#notify();
    }
    this.#dropKept();
    await Promise.all(this.#pending);
  }

  /** The next part in order, or undefined behind the last. Throws `chunk_missing`, `chunk_corrupt` or `overloaded`. */
  async next(): Promise<FetchedPart | undefined> {
    if (this.#handedOut === this.#parts.length) return undefined;
    while (this.#pending.length === 0) {
      if (this.#failure !== undefined) throw this.#failure.error;
      await this.#changed.promise;
    }
    const outcome = await this.#pending.shift()!;
    if ('error' in outcome) throw outcome.error;
    this.#handedOut += 1;
    return outcome.part;
  }

  /** Starts no more fetches and gives the memory of finished ones back; for a read that ends early. */
  async cancel(): Promise<void> {
    this.#cancelled = true;
    this.#dropKept();
    this.#notify();
    for (const outcome of await Promise.all(this.#pending.splice(0))) if ('part' in outcome) outcome.part.release();
  }

  /** A buffer as soon as the window has room; undefined once cancelled. */
  async #room(sizeBytes: number): Promise<TransferBuffer | undefined> {
    const { buffers, parallelism } = this.#options;
    while (!this.#cancelled) {
      const kept = this.#kept;
      this.#kept = undefined;
      if (kept !== undefined && kept.bytes.length >= sizeBytes) return kept;
      kept?.release();
      // With none of its own the read waits its turn among all streams; with one it takes what is free.
      if (this.#lent === 0) return buffers.take(sizeBytes);
      const buffer = this.#lent < parallelism ? buffers.tryTake(sizeBytes) : undefined;
      if (buffer !== undefined) return buffer;
      await this.#changed.promise;
    }
    return undefined;
  }

  #start(part: ChunkPart, buffer: TransferBuffer): void {
    this.#lent += 1;
    this.#started += 1;
    const release = (): void => {
      this.#lent -= 1;
      const isWanted = this.#lent === 0 && this.#started < this.#parts.length && !this.#cancelled;
      if (isWanted && this.#failure === undefined) this.#kept = buffer;
      else buffer.release();
      this.#notify();
    };
    const fetched = withDetailSpan(describeChunk, part, () => this.#fetch(part, buffer.bytes));
    this.#pending.push(
      fetched.then(
        (bytes) => ({ part: { pieces: part.wanted.map(({ start, end }) => bytes.subarray(start, end)), release } }),
        (error: unknown) => {
          release();
          return { error };
        },
      ),
    );
    this.#notify();
  }

  async #fetch(part: ChunkPart, into: Buffer): Promise<Buffer> {
    const { store, fallBack } = this.#options;
    try {
      return await readVerifiedChunk(store, part, into);
    } catch (fault) {
      if (fallBack === undefined) throw fault;
      return fallBack(part, into, fault);
    }
  }

  #dropKept(): void {
    this.#kept?.release();
    this.#kept = undefined;
  }

  #notify(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }
}

function describeChunk({ index, entry }: ChunkPart): SpanDescription {
  return {
    name: downloadChunkSpanName(index),
    attributes: { 'chunk.id': entry.chunkId, 'chunk.size': entry.storedBytes },
  };
}
