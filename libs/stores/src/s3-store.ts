/**
 * A store in a bucket, under the keys of the directory layout. A put is atomic and durable when the server has answered
 * 200: S3 shows an object whole or not at all, and a list or read after the answer sees it. So there is no staging, and
 * what a directory store needs syncs for costs nothing here.
 */
import type { CopyObjectCommand } from '@aws-sdk/client-s3';
import { forEachConcurrently, isChunkId, isFileId } from '#libs/kernel';
import type { Readable } from 'node:stream';
import { readBody } from './s3-body.js';
import type { S3Connection } from './s3-connection.js';
import { deleteObject, deleteObjects } from './s3-delete.js';
import { absentIsUndefined, assertFromS3, httpStatus } from './s3-errors.js';
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
import { CORRUPT_DIRECTORY, KIND_DIRECTORY, objectPath, shardedName } from './store-layout.js';

/** Of one `putAll`; the pool of sockets bounds all of them together. */
const PUTS_IN_FLIGHT = 8;
/** A bucket answers each in milliseconds. */
const MAX_LOOKS = 8;
/** Of one `getAll`. */
const MAX_READS = 4;
/** The most that a server lists in one answer. */
const LIST_LIMIT = 1000;
/** Twice the largest object there can be. What is longer is none of ours, and fails its digest without being read whole. */
const MAX_OBJECT_BYTES = 32 * 1024 * 1024;

export interface BucketPlace {
  readonly bucket: string;
  /** Without slashes around it; '' for the whole bucket. */
  readonly prefix: string;
}

export class S3Store implements Store {
  readonly identity: StoreIdentity;
  readonly #connection: S3Connection;
  readonly #place: BucketPlace;

  constructor(connection: S3Connection, place: BucketPlace, identity: StoreIdentity) {
    this.#connection = connection;
    this.#place = place;
    this.identity = identity;
  }

  async put(key: ObjectKey, bytes: Uint8Array): Promise<void> {
    const input = { Bucket: this.#place.bucket, Key: this.#keyOf(key), Body: bytes };
    await this.#connection.run(async ({ client, sdk }, abortSignal) => {
      const { ETag } = await client.send(new sdk.PutObjectCommand(input), { abortSignal });
      assertFromS3(ETag);
    });
  }

  async putAll(objects: readonly StoredObject[]): Promise<void> {
    await forEachConcurrently(objects, PUTS_IN_FLIGHT, ({ key, bytes }) => this.put(key, bytes));
  }

  async get(key: ObjectKey, { into }: ReadOptions = {}): Promise<Buffer | undefined> {
    return this.#read(key, { into, limitBytes: into?.length ?? MAX_OBJECT_BYTES });
  }

  async getRange(key: ObjectKey, { start, end }: { start: number; end: number }): Promise<Buffer | undefined> {
    // The protocol has no empty range.
    if (end <= start) return (await this.has(key)) === undefined ? undefined : Buffer.alloc(0);
    return this.#read(key, { start, limitBytes: end - start });
  }

  async getAll(
    keys: readonly ObjectKey[],
    { maxBytes }: { readonly maxBytes: number },
  ): Promise<readonly SmallObject[]> {
    const objects = keys.map((): SmallObject => 'absent');
    await forEachConcurrently([...keys.entries()], MAX_READS, async ([index, key]) => {
      try {
        const bytes = await this.#read(key, { limitBytes: maxBytes + 1 });
        if (bytes !== undefined) objects[index] = bytes.length > maxBytes ? 'large' : bytes;
      } catch (error) {
        objects[index] = error instanceof Error ? error : new Error(String(error));
      }
    });
    return objects;
  }

  /** A HEAD has no body to tell a bucket that is gone from an object that is: the put that follows will. */
  async has(key: ObjectKey): Promise<number | undefined> {
    const input = { Bucket: this.#place.bucket, Key: this.#keyOf(key) };
    return this.#connection.run(async ({ client, sdk }, abortSignal) => {
      const found = await absentIsUndefined(client.send(new sdk.HeadObjectCommand(input), { abortSignal }));
      if (found === undefined) return undefined;
      assertFromS3(found.ETag);
      return found.ContentLength ?? 0;
    });
  }

  async hasAll(keys: readonly ObjectKey[]): Promise<(number | undefined)[]> {
    const sizes = Array.from<number | undefined>({ length: keys.length });
    await forEachConcurrently(keys.entries(), MAX_LOOKS, async ([index, key]) => {
      sizes[index] = await this.has(key);
    });
    return sizes;
  }

  async delete(key: ObjectKey): Promise<void> {
    await deleteObject(this.#connection, { bucket: this.#place.bucket, path: this.#keyOf(key) });
  }

  /** An object is seen when the server has answered for it, and then it is durable. */
  async syncAll(): Promise<void> {}

  async deleteAll(keys: readonly ObjectKey[]): Promise<void> {
    const paths = keys.map((key) => this.#keyOf(key));
    await deleteObjects(this.#connection, { bucket: this.#place.bucket, paths });
  }

  async setAside(key: ObjectKey): Promise<void> {
    const { bucket } = this.#place;
    // A name of its own for every version, and one for all attempts of this call.
    const Key = this.#pathOf(`${CORRUPT_DIRECTORY}/${key.kind}-${key.id}-${crypto.randomUUID()}`);
    await this.#connection.run(async ({ client, sdk }, abortSignal) => {
      const CopySource = `${bucket}/${this.#keyOf(key)}`;
      const copy: CopyObjectCommand = new sdk.CopyObjectCommand({ Bucket: bucket, Key, CopySource });
      const copied = await absentIsUndefined(client.send(copy, { abortSignal }));
      if (copied !== undefined) assertFromS3(copied.CopyObjectResult?.ETag);
    });
    await this.delete(key);
  }

  async list(kind: ObjectKind, { after, limit, sizes: wantsSizes }: ListQuery): Promise<ObjectPage> {
    const root = this.#pathOf(`${KIND_DIRECTORY[kind]}/`);
    const ids: string[] = [];
    const sizes: number[] = [];
    const page = (next: string | undefined): ObjectPage => (wantsSizes ? { ids, sizes, next } : { ids, next });
    for (let last = after, isWhole = false; !isWhole;) {
      // One more than asked for tells a full page from a last one.
      const names = await this.#namesBehind(root, { after: last, limit: Math.min(LIST_LIMIT, limit + 1 - ids.length) });
      for (const { name, sizeBytes } of names.found) {
        const id = name.slice(name.indexOf('/') + 1);
        if (!isIdOf(kind, id) || shardedName({ kind, id }) !== name) continue;
        if (ids.length === limit) return page(shardedName({ kind, id: ids.at(-1)! }));
        ids.push(id);
        sizes.push(sizeBytes);
      }
      last = names.found.at(-1)?.name ?? last;
      isWhole = names.isWhole;
    }
    return page(undefined);
  }

  /** A bucket has no directories. */
  async restoreDirectories(): Promise<number> {
    return 0;
  }

  /** Names below `root`, in the server's order, which is that of their bytes. */
  async #namesBehind(
    root: string,
    { after, limit }: { readonly after: string | undefined; readonly limit: number },
  ): Promise<{ readonly found: { readonly name: string; readonly sizeBytes: number }[]; readonly isWhole: boolean }> {
    const start = after === undefined ? {} : { StartAfter: `${root}${after}` };
    const input = { Bucket: this.#place.bucket, Prefix: root, MaxKeys: limit, ...start };
    return this.#connection.run(async ({ client, sdk }, abortSignal) => {
      const page = await client.send(new sdk.ListObjectsV2Command(input), { abortSignal });
      assertFromS3(page.IsTruncated);
      const found = (page.Contents ?? []).map(({ Key = '', Size = 0 }) => ({
        name: Key.slice(root.length),
        sizeBytes: Size,
      }));
      // A server that says there is more and shows nothing would be asked for ever.
      return { found, isWhole: page.IsTruncated !== true || found.length === 0 };
    });
  }

  async #read(
    key: ObjectKey,
    { start, limitBytes, into }: { start?: number; limitBytes: number; into?: Buffer | undefined },
  ): Promise<Buffer | undefined> {
    const range = start === undefined ? {} : { Range: `bytes=${start}-${start + limitBytes - 1}` };
    const input = { Bucket: this.#place.bucket, Key: this.#keyOf(key), ...range };
    return this.#connection.run(async ({ client, sdk }, signal) => {
      try {
        const sent = client.send(new sdk.GetObjectCommand(input), { abortSignal: signal });
        const answer = await absentIsUndefined(sent);
        if (answer === undefined) return undefined;
        assertFromS3(answer.ETag);
        // A server may give the whole where a part was asked for.
        const skipBytes = answer.ContentRange === undefined ? (start ?? 0) : 0;
        const sizeBytes = answer.ContentLength;
        return await readBody(answer.Body as Readable, { signal, sizeBytes, skipBytes, limitBytes, into });
      } catch (error) {
        if (httpStatus(error) === 416) return Buffer.alloc(0);
        throw error;
      }
    });
  }

  #keyOf(key: ObjectKey): string {
    return this.#pathOf(objectPath(key));
  }

  #pathOf(path: string): string {
    return keyInBucket(this.#place, path);
  }
}

export function keyInBucket({ prefix }: BucketPlace, path: string): string {
  return prefix === '' ? path : `${prefix}/${path}`;
}

/** What else may lie in a bucket is no object. */
function isIdOf(kind: ObjectKind, name: string): boolean {
  return kind === 'chunk' ? isChunkId(name) : isFileId(name);
}
