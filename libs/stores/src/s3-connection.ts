/**
 * Requests to one S3 server, each tried a bounded number of times and each attempt bounded in time. The SDK is loaded with
 * the first request: a start without such a replica does not pay for it. Retries are ours and not the SDK's, because
 * reading the body is part of an attempt, and because a test must be able to count them.
 */
import type * as s3 from '@aws-sdk/client-s3';
import type { S3Client, S3ClientConfig } from '@aws-sdk/client-s3';
import type { S3Access, S3Location } from '#libs/config';
import { s3LocationText } from '#libs/config';
import { backoffDelayMs, StoreError } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { s3Failure } from './s3-errors.js';

export type S3Sdk = typeof s3;

export interface S3Limits {
  readonly attempts: number;
  /** Between attempts, with full jitter. */
  readonly backoff: { readonly baseMs: number; readonly maxMs: number };
  /** A server that wants to be left alone for longer is left to whoever owes the copy. */
  readonly retryAfterMaxMs: number;
  readonly connectMs: number;
  /** Of a connection on which nothing moves. */
  readonly idleMs: number;
  /** Of one attempt with its body, so that a server that trickles cannot hold a job for ever. */
  readonly attemptMs: number;
  readonly sockets: number;
}

export const S3_LIMITS: S3Limits = {
  attempts: 4,
  backoff: { baseMs: 100, maxMs: 2_000 },
  retryAfterMaxMs: 5_000,
  connectMs: 3_000,
  idleMs: 15_000,
  attemptMs: 60_000,
  sockets: 16,
};

/** The region that servers outside of AWS take for granted. */
const DEFAULT_REGION = 'us-east-1';

export interface S3Tools {
  readonly client: S3Client;
  readonly sdk: S3Sdk;
}

export class S3Connection {
  /** Of the place; for people, and without secrets. */
  readonly location: string;
  readonly region: string;
  readonly limits: S3Limits;
  readonly #place: S3Location;
  readonly #access: S3Access;
  #tools: Promise<S3Tools> | undefined;

  constructor(place: S3Location, access: S3Access, limits: S3Limits = S3_LIMITS) {
    this.#place = place;
    this.#access = access;
    this.location = s3LocationText(place);
    this.region = place.region ?? (access.awsRegion === '' ? DEFAULT_REGION : access.awsRegion);
    this.limits = limits;
  }

  /**
   * Runs `attempt` until it succeeds or may not be repeated; all our requests are idempotent. `withinMs` bounds all attempts
   * together. Throws the `StoreError` of the last attempt.
   */
  async run<Result>(
    attempt: (tools: S3Tools, signal: AbortSignal) => Promise<Result>,
    { withinMs }: { readonly withinMs?: number } = {},
  ): Promise<Result> {
    this.#assertCredentials();
    const tools = await (this.#tools ??= this.#connect());
    const { attempts, backoff, attemptMs, retryAfterMaxMs } = this.limits;
    const whole = withinMs === undefined ? [] : [AbortSignal.timeout(withinMs)];
    for (let tried = 1; ; tried += 1) {
      const signal = AbortSignal.any([AbortSignal.timeout(attemptMs), ...whole]);
      try {
        return await attempt(tools, signal);
      } catch (cause) {
        const { error, isPassing, retryAfterMs = 0 } = s3Failure(cause, this.location);
        if (!isPassing || tried >= attempts || retryAfterMs > retryAfterMaxMs || whole[0]?.aborted) throw error;
        await sleep(Math.max(retryAfterMs, backoffDelayMs(tried - 1, backoff, Math.random())));
        if (whole[0]?.aborted) throw error;
      }
    }
  }

  #assertCredentials(): void {
    const { awsAccessKeyId, awsSecretAccessKey } = this.#access;
    const missing = Object.entries({
      AWS_ACCESS_KEY_ID: awsAccessKeyId,
      AWS_SECRET_ACCESS_KEY: awsSecretAccessKey,
    }).flatMap(([name, value]) => (value === '' ? [name] : []));
    if (missing.length === 0) return;
    throw new StoreError('store_refused', `${this.location} needs credentials: set ${missing.join(' and ')}.`, {
      context: { location: this.location },
    });
  }

  async #connect(): Promise<S3Tools> {
    const sdk = await import('@aws-sdk/client-s3');
    const client = new sdk.S3Client(this.#configuration());
    addContentMd5(client);
    return { client, sdk };
  }

  #configuration(): S3ClientConfig {
    const { awsAccessKeyId: accessKeyId, awsSecretAccessKey: secretAccessKey, awsSessionToken } = this.#access;
    const { endpoint } = this.#place;
    const { connectMs, idleMs, sockets } = this.limits;
    const agent = { keepAlive: true, maxSockets: sockets };
    return {
      region: this.region,
      credentials: {
        accessKeyId,
        secretAccessKey,
        ...(awsSessionToken === '' ? {} : { sessionToken: awsSessionToken }),
      },
      // A server of one's own seldom has a name for every bucket.
      ...(endpoint === undefined ? {} : { endpoint, forcePathStyle: true }),
      maxAttempts: 1,
      // The checksums of newer protocol versions are refused, or kept as part of the object, by older servers.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      followRegionRedirects: false,
      requestHandler: { connectionTimeout: connectMs, socketTimeout: idleMs, httpAgent: agent, httpsAgent: agent },
    };
  }
}

/** Every server checks a body against Content-MD5, also those that know no other checksum, and some delete no list without. */
function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next) => async (step) => {
      const { request } = step as { request?: { body?: unknown; headers?: Record<string, string> } };
      const body = request?.body;
      if (request?.headers !== undefined && (typeof body === 'string' || body instanceof Uint8Array)) {
        request.headers['content-md5'] = createHash('md5').update(body).digest('base64');
      }
      return next(step);
    },
    { step: 'build', name: 'contentMd5', priority: 'low' },
  );
}
