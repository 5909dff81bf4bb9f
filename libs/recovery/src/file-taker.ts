/**
 * Takes files into a store that is being rebuilt: their chunks first, each verified by its SHA-256 and from whichever store
 * has it whole, then their manifests. A file of which no store has a chunk gets its manifest all the same: it is then a
 * damaged file that can be named, and read again on the day its replica returns, and not one that was never there.
 */
import { forEachConcurrently } from '#libs/kernel';
import type { ChunkId, FileId } from '#libs/kernel';
import type { ObjectKey, Store, StoredObject } from '#libs/stores';
import { createHash } from 'node:crypto';
import { HelperFailure } from './helping-store.js';
import type { ReadableStore } from './helping-store.js';
import { readObject } from './stored-files.js';
import type { CorruptObject, StoredManifest } from './stored-files.js';

/** One durable put; the bytes of its chunks stand in memory. */
const GROUP_CHUNKS = 32;
const GROUP_BYTES = 16 * 1024 * 1024;
const READS_AT_ONCE = 4;
const LOOKS_AT_ONCE = 8;

export interface DamagedFile {
  readonly fileId: FileId;
  readonly fileName: string;
  /** Chunks that no reachable store has whole. */
  readonly missingChunks: number;
}

export interface FileTakerOptions {
  readonly target: Store;
  /** The source first, then those that help out. */
  readonly sources: () => readonly ReadableStore[];
  /** Told of a store that helps out and cannot any more. */
  readonly failed: (failure: HelperFailure) => void;
  readonly corrupt: (object: CorruptObject) => void;
  readonly took: (bytes: number) => void;
}

interface WantedChunk {
  readonly id: ChunkId;
  readonly sizeBytes: number;
}

export class FileTaker {
  readonly #options: FileTakerOptions;
  readonly damaged: DamagedFile[] = [];

  constructor(options: FileTakerOptions) {
    this.#options = options;
  }

  /** Durable on return. */
  async take(files: readonly StoredManifest[]): Promise<void> {
    const missing = await this.#provide(distinctChunks(files));
    const { target, took } = this.#options;
    const toPut: StoredObject[] = [];
    const standing: ObjectKey[] = [];
    for (const { fileId, bytes, manifest } of files) {
      const key: ObjectKey = { kind: 'manifest', id: fileId };
      if ((await readObject(target, key).then(asBuffer))?.equals(bytes) === true) standing.push(key);
      else toPut.push({ key, bytes });
      const missingChunks = chunksOf({ manifest }).filter(({ id }) => missing.has(id)).length;
      if (missingChunks > 0) this.damaged.push({ fileId, fileName: manifest.fileName, missingChunks });
      took(bytes.length);
    }
    await target.putAll(toPut);
    // One that an interrupted rebuild has left may be visible and not yet durable.
    await target.syncAll(standing);
  }

  /** Answers with the chunks that nobody has. */
  async #provide(chunks: ReadonlyMap<ChunkId, WantedChunk>): Promise<Set<ChunkId>> {
    const { target } = this.#options;
    const absent: WantedChunk[] = [];
    const standing: ObjectKey[] = [];
    await forEachConcurrently(chunks.values(), LOOKS_AT_ONCE, async (chunk) => {
      const key: ObjectKey = { kind: 'chunk', id: chunk.id };
      if ((await target.has(key)) === chunk.sizeBytes) standing.push(key);
      else absent.push(chunk);
    });
    await target.syncAll(standing);
    const missing = new Set<ChunkId>();
    for (const group of groupsOf(absent)) {
      const objects: StoredObject[] = [];
      await forEachConcurrently(group, READS_AT_ONCE, async (chunk) => {
        const bytes = await this.#find(chunk);
        if (bytes === undefined) missing.add(chunk.id);
        else objects.push({ key: { kind: 'chunk', id: chunk.id }, bytes });
      });
      await target.putAll(objects);
      for (const { bytes } of objects) this.#options.took(bytes.length);
    }
    return missing;
  }

  async #find({ id, sizeBytes }: WantedChunk): Promise<Buffer | undefined> {
    const { sources, failed, corrupt } = this.#options;
    for (const store of sources()) {
      const found = await readObject(store, { kind: 'chunk', id }).catch((error: unknown) => {
        if (!(error instanceof HelperFailure)) throw error;
        failed(error);
        return undefined;
      });
      if (found === undefined) continue;
      if (found !== 'corrupt' && found.length === sizeBytes && sha256(found) === id) return found;
      corrupt({ store: store.identity.name, kind: 'chunk', id });
    }
    return undefined;
  }
}

const asBuffer = (read: Buffer | 'corrupt' | undefined): Buffer | undefined => (read === 'corrupt' ? undefined : read);

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

function chunksOf({ manifest }: Pick<StoredManifest, 'manifest'>): WantedChunk[] {
  const { content } = manifest;
  if (content.kind === 'inline') return [];
  return content.chunks.map(({ chunkId, storedBytes }) => ({ id: chunkId, sizeBytes: storedBytes }));
}

function distinctChunks(files: readonly StoredManifest[]): Map<ChunkId, WantedChunk> {
  return new Map(files.flatMap(chunksOf).map((chunk) => [chunk.id, chunk]));
}

function* groupsOf(chunks: readonly WantedChunk[]): Generator<WantedChunk[]> {
  let group: WantedChunk[] = [];
  let bytes = 0;
  for (const chunk of chunks) {
    group.push(chunk);
    bytes += chunk.sizeBytes;
    if (group.length < GROUP_CHUNKS && bytes < GROUP_BYTES) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}
