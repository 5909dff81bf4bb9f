/** A bucket, or the part of one below a prefix, as the place of a store. */
import type { S3Access, S3Location } from '#libs/config';
import { StoreError } from '#libs/kernel';
import type { Readable } from 'node:stream';
import { readBody } from './s3-body.js';
import { S3Connection } from './s3-connection.js';
import type { S3Limits, S3Tools } from './s3-connection.js';
import { assertFromS3, httpStatus, s3Code } from './s3-errors.js';
import { keyInBucket, S3Store } from './s3-store.js';
import { IDENTITY_FILE, identityBytes, parseIdentity } from './store-identity.js';
import type { StoreIdentity } from './store-identity.js';
import type { StorePlace } from './store-place.js';

/** All attempts together: a start, and every job, waits for the answer. */
const IDENTIFY_LIMIT_MS = 5_000;
/** An identity has a few hundred bytes, and one more line for every replica. */
const MAX_IDENTITY_BYTES = 1024 * 1024;

export class S3Place implements StorePlace {
  readonly location: string;
  readonly #connection: S3Connection;
  readonly #bucket: S3Location;

  constructor(location: S3Location, access: S3Access, limits?: S3Limits) {
    this.#connection = new S3Connection(location, access, limits);
    this.location = this.#connection.location;
    this.#bucket = location;
  }

  /** A bucket that is not there is a place that is no store: `init` makes it. */
  async identify(): Promise<StoreIdentity | undefined> {
    const input = { Bucket: this.#bucket.bucket, Key: this.#identityKey() };
    const bytes = await this.#connection.run(
      async ({ client, sdk }, signal) => {
        try {
          const answer = await client.send(new sdk.GetObjectCommand(input), { abortSignal: signal });
          assertFromS3(answer.ETag);
          const sizeBytes = answer.ContentLength;
          return await readBody(answer.Body as Readable, {
            signal,
            sizeBytes,
            skipBytes: 0,
            limitBytes: MAX_IDENTITY_BYTES,
          });
        } catch (error) {
          // Only the two answers that say so: a 404 of something else at that address proves no empty place.
          if (s3Code(error) === 'NoSuchKey' || s3Code(error) === 'NoSuchBucket') return undefined;
          throw error;
        }
      },
      { withinMs: IDENTIFY_LIMIT_MS },
    );
    return bytes === undefined ? undefined : parseIdentity(bytes.toString('utf8'), this.location);
  }

  /** Throws `store_foreign` where another store was made there meanwhile. */
  async init(identity: StoreIdentity): Promise<void> {
    await this.#connection.run((tools, signal) => this.#makeBucket(tools, signal));
    const found = await this.identify();
    if (found !== undefined) return this.#assertSame(identity, found);
    const written = await this.#connection.run((tools, signal) => this.#writeIdentity(tools, { identity, signal }));
    if (written) return;
    const winner = await this.identify();
    if (winner !== undefined) return this.#assertSame(identity, winner);
    throw new StoreError('store_unreachable', `${this.location} is being made a store by somebody else.`);
  }

  async reidentify(identity: StoreIdentity): Promise<void> {
    const input = { Bucket: this.#bucket.bucket, Key: this.#identityKey(), Body: identityBytes(identity) };
    await this.#connection.run(async ({ client, sdk }, abortSignal) => {
      const { ETag } = await client.send(new sdk.PutObjectCommand(input), { abortSignal });
      assertFromS3(ETag);
    });
  }

  open(identity: StoreIdentity): S3Store {
    return new S3Store(this.#connection, this.#bucket, identity);
  }

  async #makeBucket({ client, sdk }: S3Tools, abortSignal: AbortSignal): Promise<void> {
    const Bucket = this.#bucket.bucket;
    try {
      await client.send(new sdk.HeadBucketCommand({ Bucket }), { abortSignal });
      return;
    } catch (error) {
      if (httpStatus(error) !== 404) throw error;
    }
    const { region } = this.#connection;
    // AWS wants to be told every region but its first; other servers know only their own.
    const isElsewhere = this.#bucket.endpoint === undefined && region !== 'us-east-1';
    const where = isElsewhere ? { CreateBucketConfiguration: { LocationConstraint: region as 'eu-west-1' } } : {};
    try {
      await client.send(new sdk.CreateBucketCommand({ Bucket, ...where }), { abortSignal });
    } catch (error) {
      if (s3Code(error) !== 'BucketAlreadyOwnedByYou') throw error;
    }
  }

  /** Whether it was written: two servers that begin at once must not take one place for two stores. */
  async #writeIdentity(
    { client, sdk }: S3Tools,
    { identity, signal: abortSignal }: { readonly identity: StoreIdentity; readonly signal: AbortSignal },
  ): Promise<boolean> {
    const input = { Bucket: this.#bucket.bucket, Key: this.#identityKey(), Body: identityBytes(identity) };
    try {
      const { ETag } = await client.send(new sdk.PutObjectCommand({ ...input, IfNoneMatch: '*' }), { abortSignal });
      assertFromS3(ETag);
      return true;
    } catch (error) {
      const status = httpStatus(error);
      if (status === 412 || status === 409) return false;
      if (status !== 501 && s3Code(error) !== 'NotImplemented') throw error;
    }
    const { ETag } = await client.send(new sdk.PutObjectCommand(input), { abortSignal });
    assertFromS3(ETag);
    return true;
  }

  #assertSame(identity: StoreIdentity, found: StoreIdentity): void {
    if (found.storeId === identity.storeId && found.clusterId === identity.clusterId) return;
    throw new StoreError('store_foreign', `${this.location} has become another store meanwhile.`, {
      context: { location: this.location, store_id: identity.storeId, actual_store_id: found.storeId },
    });
  }

  #identityKey(): string {
    return keyInBucket(this.#bucket, IDENTITY_FILE);
  }
}
