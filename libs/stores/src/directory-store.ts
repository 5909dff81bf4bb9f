/** A store in a directory of a local file system. The layout is docs/formats/store.md. */
import { makeDirectoryDurably } from '#libs/durable-fs';
import type { FileSystem, NamesPage } from '#libs/durable-fs';
import { isChunkId, isFileId, systemErrorCode } from '#libs/kernel';
import { dirname, join } from 'node:path';
import { removeDurably, StoreDisk, syncNames, writeDurably } from './durable-batch.js';
import type {
  ListQuery,
  ObjectKey,
  ObjectKind,
  ObjectPage,
  ReadOptions,
  SmallObject,
  Store,
  StoredObject,
} from './store.js';
import type { StoreIdentity } from './store-identity.js';
import { writeIdentity } from './store-identity.js';
import type { SyncDoubt } from './sync-doubt.js';
import {
  CORRUPT_DIRECTORY,
  KIND_DIRECTORY,
  objectPath,
  shardedName,
  SHARDS,
  STAGING_DIRECTORY,
} from './store-layout.js';

/** Made whole at once, so that no later write has to make, and sync, a directory. */
export async function initDirectoryStore(fs: FileSystem, root: string, identity: StoreIdentity): Promise<void> {
  await makeStoreDirectories(fs, root);
  // The identity is last: where it stands, the directories stand.
  await writeIdentity(fs, root, identity);
}

/** All of a store but its identity, durably; what stands there already stays. */
export async function makeStoreDirectories(fs: FileSystem, root: string): Promise<void> {
  await makeDirectoryDurably(fs, root);
  await fs.makeDirectory(join(root, STAGING_DIRECTORY));
  await fs.makeDirectory(join(root, CORRUPT_DIRECTORY));
  for (const directory of Object.values(KIND_DIRECTORY)) {
    await fs.makeDirectory(join(root, directory));
    for (const shard of SHARDS) await fs.makeDirectory(join(root, directory, shard));
    await fs.syncDirectory(join(root, directory));
  }
  await fs.syncDirectory(root);
}

/** An operator's `rm -r` takes directories with what is in them, and no put makes one. */
async function restoreDirectories({ fs, root }: StoreDisk): Promise<number> {
  let made = 0;
  const restore = async (path: string): Promise<void> => {
    if ((await fs.stat(path)) !== undefined) return;
    await fs.makeDirectory(path);
    await fs.syncDirectory(dirname(path));
    made += 1;
  };
  for (const name of [STAGING_DIRECTORY, CORRUPT_DIRECTORY]) await restore(join(root, name));
  for (const directory of Object.values(KIND_DIRECTORY)) {
    await restore(join(root, directory));
    for (const shard of SHARDS) await restore(join(root, directory, shard));
  }
  return made;
}

export class DirectoryStore implements Store {
  readonly identity: StoreIdentity;
  readonly #fs: FileSystem;
  readonly #root: string;
  readonly #disk: StoreDisk;
  /** Part of every temporary name: another process, or the one before a kill, may have written to the same place. */
  readonly #writer = crypto.randomUUID();
  #temporarySerial = 0;

  /** `doubt`: what is remembered of this store from one opening to the next. */
  constructor(fs: FileSystem, root: string, identity: StoreIdentity, doubt?: SyncDoubt) {
    this.#fs = fs;
    this.#root = root;
    this.#disk = new StoreDisk(fs, root, doubt);
    this.identity = identity;
  }

  get isInDoubt(): boolean {
    return this.#disk.doubt.isRaised;
  }

  async put(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    await this.putAll([{ key, bytes }]);
  }

  async putAll(objects: readonly StoredObject[]): Promise<void> {
    const onTheirWay = objects.map(({ key, bytes }) => ({
      path: this.pathOf(key),
      temporaryPath: this.temporaryPath(),
      bytes,
    }));
    await writeDurably(this.#disk, onTheirWay);
  }

  async get(key: ObjectKey, { into }: ReadOptions = {}): Promise<Buffer | undefined> {
    if (into === undefined) return absentIsUndefined(this.#fs.readFile(this.pathOf(key)));
    return this.#read(key, 0, () => into);
  }

  async getAll(
    keys: readonly ObjectKey[],
    { maxBytes }: { readonly maxBytes: number },
  ): Promise<readonly SmallObject[]> {
    return this.#fs.readFiles({ paths: keys.map((key) => this.pathOf(key)), maxBytes });
  }

  async getRange(key: ObjectKey, { start, end }: { start: number; end: number }): Promise<Buffer | undefined> {
    return this.#read(key, start, () => Buffer.allocUnsafeSlow(end - start));
  }

  async has(key: ObjectKey): Promise<number | undefined> {
    return (await this.#fs.stat(this.pathOf(key)))?.sizeBytes;
  }

  hasAll(keys: readonly ObjectKey[]): Promise<(number | undefined)[]> {
    return this.#fs.sizesOf(keys.map((key) => this.pathOf(key)));
  }

  async delete(key: ObjectKey): Promise<void> {
    await this.deleteAll([key]);
  }

  async deleteAll(keys: readonly ObjectKey[]): Promise<void> {
    await removeDurably(
      this.#disk,
      keys.map((key) => this.pathOf(key)),
    );
  }

  async syncAll(keys: readonly ObjectKey[]): Promise<void> {
    await syncNames(this.#disk, { paths: keys.map((key) => this.pathOf(key)) });
  }

  async setAside(key: ObjectKey): Promise<void> {
    const path = this.pathOf(key);
    // A name of its own for every version: a rename would replace the one before without a word, and a look first would
    // not help against another process that looks at the same time.
    const asidePath = join(this.#root, CORRUPT_DIRECTORY, `${key.kind}-${key.id}-${crypto.randomUUID()}`);
    await absentIsUndefined(this.#fs.rename(path, asidePath));
    await this.#disk.syncDirectory(dirname(asidePath));
    await this.#disk.syncDirectory(dirname(path));
  }

  async list(kind: ObjectKind, query: ListQuery): Promise<ObjectPage> {
    const { after = '', limit } = query;
    const firstShard = after.slice(0, 2);
    const page: { ids: string[]; sizes: number[] } = { ids: [], sizes: [] };
    for (const shard of SHARDS) {
      if (shard < firstShard) continue;
      let behind: string | undefined = shard === firstShard ? after.slice(firstShard.length + 1) : '';
      while (behind !== undefined) {
        // One more than asked for tells a full page from a last one.
        const names = await this.#namesIn(kind, shard, { ...query, after: behind, limit: limit + 1 - page.ids.length });
        for (const [index, id] of names.names.entries()) {
          if (!isIdOf(kind, id)) continue;
          if (page.ids.length === limit) return pageOf(page, query, shardedName({ kind, id: page.ids.at(-1)! }));
          page.ids.push(id);
          if (names.sizes !== undefined) page.sizes.push(names.sizes[index]!);
        }
        behind = names.next;
      }
    }
    return pageOf(page, query, undefined);
  }

  async restoreDirectories(): Promise<number> {
    return restoreDirectories(this.#disk);
  }

  /** What is gone since it was listed is left out where sizes are wanted. */
  async #namesIn(kind: ObjectKind, shard: string, { gaps, ...query }: ShardQuery): Promise<NamesPage> {
    const names = this.#fs.readNames(join(this.#root, KIND_DIRECTORY[kind], shard), query);
    if (gaps !== 'skip') return names;
    return (await absentIsUndefined(names)) ?? { names: [], sizes: [], next: undefined };
  }

  /** The object's absolute path; for whoever writes into the same directory under other rules (applied-objects.ts). */
  pathOf(key: ObjectKey): string {
    return `${this.#root}/${objectPath(key)}`;
  }

  /** A name in staging that no other writer uses. */
  temporaryPath(): string {
    this.#temporarySerial += 1;
    return `${this.#root}/${STAGING_DIRECTORY}/object-${this.#writer}-${this.#temporarySerial}.tmp`;
  }

  async #read(key: ObjectKey, position: number, memory: () => Buffer): Promise<Buffer | undefined> {
    const file = await absentIsUndefined(this.#fs.openRead(this.pathOf(key)));
    if (file === undefined) return undefined;
    try {
      const target = memory();
      return target.subarray(0, await file.read(target, position));
    } finally {
      await file.close();
    }
  }
}

type ShardQuery = ListQuery & { readonly after: string };

function pageOf(page: Required<Omit<ObjectPage, 'next'>>, { sizes }: ListQuery, next: string | undefined): ObjectPage {
  return sizes === undefined ? { ids: page.ids, next } : { ...page, next };
}

/** What else may lie in a shard (a network file system's leftovers, an editor's) is no object. */
function isIdOf(kind: ObjectKind, name: string): boolean {
  return kind === 'chunk' ? isChunkId(name) : isFileId(name);
}

async function absentIsUndefined<Result>(result: Promise<Result>): Promise<Result | undefined> {
  try {
    return await result;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
