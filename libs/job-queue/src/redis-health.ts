/**
 * Whether jobs can be added now. A connection that stands is not enough: a Redis that is full, read-only or cannot save
 * answers and takes nothing. So after every connect, and with backoff after every failure, one small key is written; only
 * an answer to that makes the queue ready. The first failure is logged, and its end.
 */
import { backoffDelayMs, systemErrorCode } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import type { Redis } from 'ioredis';
import type { QueueCondition } from './job-queue.js';
import { isRefusal, reasonOf } from './redis-client.js';
import { settledWithin } from './settled-within.js';

const BETWEEN_PROBES = { baseMs: 500, maxMs: 15_000 };
const PROBE_TIMEOUT_MS = 2_000;
const PROBE_KEPT_SECONDS = 60;
/** With any other, a full Redis throws away jobs without a word. */
const WANTED_POLICY = 'noeviction';

export interface HealthOptions {
  readonly redis: Redis;
  readonly probeKey: string;
  readonly log: Log;
}

export class RedisHealth {
  readonly #options: HealthOptions;
  #state: QueueCondition['state'] = 'unavailable';
  #lastError: string | undefined;
  #failuresInARow = 0;
  #probing = false;
  #timer: NodeJS.Timeout | undefined;
  #policyChecked = false;
  #stopped = false;

  constructor(options: HealthOptions) {
    this.#options = options;
    const { redis } = options;
    redis.on('ready', () => void this.#probe());
    redis.on('error', (error: unknown) => this.noteFailure(error));
    redis.on('close', () => this.noteFailure(new Error('the connection was lost')));
    if (redis.status === 'ready') void this.#probe();
  }

  get condition(): QueueCondition {
    return { state: this.#state, lastError: this.#lastError };
  }

  noteFailure(error: unknown): void {
    if (this.#stopped) return;
    const reason = reasonOf(error);
    if (this.#failuresInARow === 0) this.#options.log.warn({ reason }, 'the job queue is not available');
    this.#failuresInARow += 1;
    this.#state = 'unavailable';
    // That there is no connection says less than why there is none, such as that the password is wrong.
    if (this.#lastError === undefined || isRefusal(error) || systemErrorCode(error) !== undefined)
      this.#lastError = reason;
    this.#probeLater();
  }

  stop(): void {
    this.#stopped = true;
    this.#state = 'unavailable';
    clearTimeout(this.#timer);
  }

  #probeLater(): void {
    if (this.#timer !== undefined) return;
    const delayMs = backoffDelayMs(this.#failuresInARow - 1, BETWEEN_PROBES, Math.random());
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      // Without a connection there is nothing to ask: `ready` comes back here.
      if (this.#options.redis.status === 'ready') void this.#probe();
    }, delayMs);
  }

  async #probe(): Promise<void> {
    if (this.#probing || this.#stopped) return;
    this.#probing = true;
    const { redis, probeKey, log } = this.#options;
    const writing = redis.set(probeKey, '1', 'EX', PROBE_KEPT_SECONDS);
    const outcome = await settledWithin(writing, PROBE_TIMEOUT_MS);
    this.#probing = false;
    if (outcome === 'late') return this.noteFailure(new Error('no answer in time'));
    try {
      await writing;
    } catch (error) {
      return this.noteFailure(error);
    }
    if (this.#stopped) return;
    if (this.#failuresInARow > 0) log.info({}, 'the job queue is available again');
    this.#failuresInARow = 0;
    this.#state = 'ready';
    this.#lastError = undefined;
    await this.#checkPolicy();
  }

  async #checkPolicy(): Promise<void> {
    if (this.#policyChecked) return;
    const { redis, log } = this.#options;
    try {
      const policy = /^maxmemory_policy:(.*)$/m.exec(await redis.info('memory'))?.[1]?.trim();
      this.#policyChecked = true;
      if (policy === undefined || policy === WANTED_POLICY) return;
      log.warn({ policy }, `Redis drops keys when it is full; set its maxmemory-policy to ${WANTED_POLICY}`);
    } catch (error) {
      // Not allowed to ask, or gone meanwhile: advice only, and the next probe asks again.
      log.debug({ reason: reasonOf(error) }, 'the memory policy of Redis is not known');
    }
  }
}
