/**
 * The census of a store: how many objects of each kind, how many bytes, and a digest over the sorted listing, so that two
 * stores hold the same exactly where their censuses agree. Chunks without a reference are garbage that waits for its grace,
 * on some stores longer than on others: they are counted beside the rest and are no part of the digest.
 *
 * The digest is one over a digest for each kind and shard. These are kept, so that a difference is looked for only in the
 * shards that differ; memory is a few hundred digests, however much is stored.
 */
import type { ChunkId, StoreId } from '#libs/kernel';
import type { ObjectKey, ObjectKind, ObjectPage } from '#libs/stores';
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { digestsOf } from './object-digest.js';
import type { SizedObject } from './object-digest.js';
import type { StoreSight } from './store-sight.js';

/** `names`: ids and sizes. `bytes`: each object's SHA-256 too. */
export type CensusDepth = 'names' | 'bytes';

export interface Census {
  readonly storeId: StoreId;
  readonly depth: CensusDepth;
  readonly manifests: number;
  readonly tombstones: number;
  /** Those that a file refers to. */
  readonly chunks: number;
  /** Of all these. */
  readonly bytes: number;
  readonly unreferencedChunks: number;
  /** In hexadecimal. */
  readonly digest: string;
  /** By kind and shard, `chunk/0f`; one that is empty is not among them. */
  readonly shards: ReadonlyMap<string, string>;
}

export interface CensusOptions {
  readonly storeId: StoreId;
  readonly sight: StoreSight;
  readonly depth: CensusDepth;
  readonly isReferenced: (chunkId: ChunkId) => boolean;
}

/** Objects counted, or read, between two turns of everything else. */
const OBJECTS_PER_STEP = 500;
const DEEP_OBJECTS_PER_STEP = 32;

export class CensusTaker {
  readonly #options: CensusOptions;
  readonly #counts: Record<ObjectKind, number> = { manifest: 0, tombstone: 0, chunk: 0 };
  readonly #hashes = new Map<string, Hash>();
  readonly #work: AsyncGenerator<void, void>;
  #unreferencedChunks = 0;
  #bytes = 0;
  #share = 0;

  constructor(options: CensusOptions) {
    this.#options = options;
    this.#work = this.#run();
  }

  get share(): number {
    return this.#share;
  }

  /** One bounded piece. Throws what the store throws: there is no census then. */
  async step(): Promise<'busy' | 'done'> {
    return (await this.#work.next()).done === true ? 'done' : 'busy';
  }

  /** To be asked once, at the end. */
  census(): Census {
    const { storeId, depth } = this.#options;
    const shards = new Map([...this.#hashes].map(([shard, hash]) => [shard, hash.digest('hex')]));
    const whole = createHash('sha256');
    for (const [shard, digest] of [...shards].sort(([left], [right]) => (left < right ? -1 : 1))) {
      whole.update(`${shard} ${digest}\n`);
    }
    const { manifest: manifests, tombstone: tombstones, chunk: chunks } = this.#counts;
    const counts = { manifests, tombstones, chunks, unreferencedChunks: this.#unreferencedChunks };
    return { storeId, depth, ...counts, bytes: this.#bytes, digest: whole.digest('hex'), shards };
  }

  async *#run(): AsyncGenerator<void, void> {
    const { sight, depth } = this.#options;
    const objectsPerStep = depth === 'bytes' ? DEEP_OBJECTS_PER_STEP : OBJECTS_PER_STEP;
    for await (const page of sight.pages({ sizes: 'wanted' })) {
      const objects = objectsOf(page.kind, page);
      for (let first = 0; first < objects.length; first += objectsPerStep) {
        await this.#count(objects.slice(first, first + objectsPerStep));
        yield;
      }
      this.#share = page.share;
    }
    // A disk that went away lists nothing.
    await sight.confirm();
  }

  async #count(objects: readonly SizedObject[]): Promise<void> {
    const { sight, depth, isReferenced } = this.#options;
    const counted = objects.filter(({ key }) => key.kind !== 'chunk' || isReferenced(key.id));
    this.#unreferencedChunks += objects.length - counted.length;
    const digests = depth === 'bytes' ? await digestsOf(sight, counted) : undefined;
    // One update for all of a shard: each costs more than the text that it takes.
    let [shard, lines] = ['', ''];
    for (const [index, { key, sizeBytes }] of counted.entries()) {
      const shardOfKey = `${key.kind}/${shardOf(key)}`;
      if (shardOfKey !== shard) {
        this.#note(shard, lines);
        [shard, lines] = [shardOfKey, ''];
      }
      lines += `${key.id} ${sizeBytes}${digests === undefined ? '' : ` ${digests[index]}`}\n`;
      this.#counts[key.kind] += 1;
      this.#bytes += sizeBytes;
    }
    this.#note(shard, lines);
  }

  #note(shard: string, lines: string): void {
    if (lines === '') return;
    let hash = this.#hashes.get(shard);
    if (hash === undefined) this.#hashes.set(shard, (hash = createHash('sha256')));
    hash.update(lines);
  }
}

export function objectsOf(kind: ObjectKind, { ids, sizes = [] }: ObjectPage): SizedObject[] {
  return ids.map((id, index) => ({ key: { kind, id } as ObjectKey, sizeBytes: sizes[index] ?? 0 }));
}

export function shardOf({ kind, id }: ObjectKey): string {
  return kind === 'chunk' ? id.slice(0, 2) : id.slice(-2);
}
