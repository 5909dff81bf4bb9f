/**
 * Puts the chunks that a target lacks. Memory is bounded whatever the file's size: a few batches are in flight, each with a
 * buffer that it fills from the source and hands to the target. A chunk is read by its name's digest, so that nothing
 * damaged is ever spread; one that the source cannot give fails its own files, and no others.
 */
import { chunkIdOf, forEachConcurrently, pageAlignedBuffer, StoreError } from '#libs/kernel';
import type { ChunkEntry, ChunkId } from '#libs/kernel';
import type { StoredObject } from '#libs/stores';
import type { JobContext } from './job-context.js';
import type { JobStore } from './job-store.js';
import { isOfItem } from './store-fault.js';

/** Of a batch; a single chunk may be longer. */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;
const MAX_BATCH_CHUNKS = 256;
/** Some are read and hashed while others wait for the disk. */
const MAX_BATCHES = 4;

/** How a chunk that may be on the target is looked at: not at all, by its length, or by all of its bytes. */
export type ChunkTrust = 'none' | 'length' | 'digest';

export interface CopiedChunks {
  readonly put: ReadonlySet<ChunkId>;
  /** Those that the source could not give. */
  readonly failed: ReadonlyMap<ChunkId, StoreError>;
}

export async function copyChunks(
  context: JobContext,
  chunks: Iterable<ChunkEntry>,
  trustOf: (chunkId: ChunkId) => ChunkTrust,
): Promise<CopiedChunks> {
  const copier = new ChunkCopier(context, trustOf);
  await forEachConcurrently(batchesOf(chunks), MAX_BATCHES, (batch) => copier.copy(batch));
  return copier;
}

function* batchesOf(chunks: Iterable<ChunkEntry>): Generator<ChunkEntry[]> {
  let batch: ChunkEntry[] = [];
  let batchBytes = 0;
  for (const chunk of chunks) {
    const isFull = batchBytes + chunk.storedBytes > MAX_BATCH_BYTES || batch.length === MAX_BATCH_CHUNKS;
    if (isFull && batch.length > 0) {
      yield batch;
      batch = [];
      batchBytes = 0;
    }
    batch.push(chunk);
    batchBytes += chunk.storedBytes;
  }
  if (batch.length > 0) yield batch;
}

class ChunkCopier implements CopiedChunks {
  readonly put = new Set<ChunkId>();
  readonly failed = new Map<ChunkId, StoreError>();
  readonly #context: JobContext;
  readonly #trustOf: (chunkId: ChunkId) => ChunkTrust;
  readonly #freeBuffers: Buffer[] = [];

  constructor(context: JobContext, trustOf: (chunkId: ChunkId) => ChunkTrust) {
    this.#context = context;
    this.#trustOf = trustOf;
  }

  async copy(batch: readonly ChunkEntry[]): Promise<void> {
    this.#context.stop.check();
    const bytes = batch.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    const buffer = this.#takeBuffer(bytes);
    try {
      await this.#copyThrough(buffer, batch);
    } finally {
      if (buffer.length === MAX_BATCH_BYTES) this.#freeBuffers.push(buffer);
    }
  }

  async #copyThrough(buffer: Buffer, batch: readonly ChunkEntry[]): Promise<void> {
    const { target } = this.#context;
    const objects: StoredObject[] = [];
    let end = 0;
    for (const entry of batch) {
      const memory = buffer.subarray(end, end + entry.storedBytes);
      const standing = await this.#standing(entry, memory);
      if (standing === 'whole') continue;
      const bytes = await this.#read(entry, memory);
      if (bytes === undefined) continue;
      // Only now, with the good bytes at hand: what cannot be replaced is left where it is.
      if (standing === 'bad' && (await this.#isStillBad(entry))) {
        await target.setAside({ kind: 'chunk', id: entry.chunkId });
      }
      objects.push({ key: { kind: 'chunk', id: entry.chunkId }, bytes });
      end += entry.storedBytes;
    }
    await target.putAll(objects);
    for (const { key } of objects) this.put.add(key.id as ChunkId);
  }

  /** `absent` also where it is to be put whatever stands there. */
  async #standing(entry: ChunkEntry, memory: Buffer): Promise<'absent' | 'bad' | 'whole'> {
    const { target } = this.#context;
    const trust = this.#trustOf(entry.chunkId);
    if (trust === 'none') return 'absent';
    const lengthBytes = await target.has({ kind: 'chunk', id: entry.chunkId });
    if (lengthBytes === undefined) return 'absent';
    if (lengthBytes !== entry.storedBytes) return 'bad';
    if (trust === 'length') return 'whole';
    return (await isWhole(target, entry, memory)) ? 'whole' : 'bad';
  }

  /** Another worker may have done this job meanwhile: what it confirmed must not be missing should this one end here. */
  async #isStillBad(entry: ChunkEntry): Promise<boolean> {
    return (await this.#standing(entry, Buffer.allocUnsafeSlow(entry.storedBytes))) === 'bad';
  }

  async #read(entry: ChunkEntry, memory: Buffer): Promise<Buffer | undefined> {
    try {
      return await readChunk(this.#context.source, entry, memory);
    } catch (error) {
      if (!isOfItem(error)) throw error;
      this.failed.set(entry.chunkId, error);
      return undefined;
    }
  }

  #takeBuffer(bytes: number): Buffer {
    if (bytes > MAX_BATCH_BYTES) return Buffer.allocUnsafeSlow(bytes);
    // A job of small files has no use for a large one.
    if (bytes < MAX_BATCH_BYTES / 2 && this.#freeBuffers.length === 0) return Buffer.allocUnsafeSlow(bytes);
    return this.#freeBuffers.pop() ?? pageAlignedBuffer(MAX_BATCH_BYTES);
  }
}

/** Throws `chunk_missing` or `chunk_corrupt`. */
async function readChunk(store: JobStore, entry: ChunkEntry, memory: Buffer): Promise<Buffer> {
  const context = { chunk_id: entry.chunkId, store: store.name };
  const bytes = await store.get({ kind: 'chunk', id: entry.chunkId }, { into: memory });
  if (bytes === undefined) {
    throw new StoreError('chunk_missing', `${store.name} lacks the chunk ${entry.chunkId}.`, { context });
  }
  const actual = await chunkIdOf(bytes);
  if (actual !== entry.chunkId || bytes.length !== entry.storedBytes) {
    throw new StoreError(
      'chunk_corrupt',
      `${store.name} has other bytes under the name of the chunk ${entry.chunkId}.`,
      {
        context: { ...context, expected: entry.chunkId, actual },
      },
    );
  }
  return bytes;
}

async function isWhole(target: JobStore, entry: ChunkEntry, memory: Buffer): Promise<boolean> {
  try {
    await readChunk(target, entry, memory);
    return true;
  } catch (error) {
    if (StoreError.is(error, 'chunk_corrupt') || StoreError.is(error, 'chunk_missing')) return false;
    throw error;
  }
}
