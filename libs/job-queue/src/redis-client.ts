/**
 * Connections to Redis. Two kinds: one fails fast, because whoever hands out a job has somewhere else to keep it; the
 * other waits for Redis for ever, because whoever does jobs has nothing else to do.
 *
 * A URL holds a password, and the errors of the driver hold the command that failed, `AUTH` among them. So nothing but
 * `reasonOf` an error may reach a log.
 */
import { backoffDelayMs } from '#libs/kernel';
import type { ClusterId } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { Redis } from 'ioredis';
import type { RedisOptions } from 'ioredis';

/** Before every key of ours, so that a shared Redis shows whose they are. */
export const KEY_PREFIX = 'holdfast';

/** Keys carry the installation: two of them can share a Redis and never see each other's jobs. */
export const jobsQueueName = (clusterId: ClusterId): string => `${clusterId}-jobs`;
export const resultsQueueName = (clusterId: ClusterId): string => `${clusterId}-results`;

const CONNECT_TIMEOUT_MS = 5_000;
const BETWEEN_CONNECTS = { baseMs: 200, maxMs: 5_000 };

const COMMON: RedisOptions = {
  connectTimeout: CONNECT_TIMEOUT_MS,
  retryStrategy: (times) => backoffDelayMs(times - 1, BETWEEN_CONNECTS, Math.random()),
};

/** Commands fail at once where there is no connection, and when it is lost under them. */
export function openFailingFast(url: string): Redis {
  return new Redis(url, { ...COMMON, enableOfflineQueue: false, maxRetriesPerRequest: 0 });
}

/**
 * Commands wait until they are answered, however often the connection is lost. BullMQ makes a second connection out of
 * this one; both are remembered, because BullMQ itself cannot close one that has never been up.
 */
export class PatientRedis extends Redis {
  readonly #duplicates: Redis[] = [];

  constructor(url: string) {
    super(url, { ...COMMON, replyMapping: 'legacy', maxRetriesPerRequest: null });
  }

  override duplicate(override?: Partial<RedisOptions>): Redis {
    const duplicate = super.duplicate(override);
    // Where nobody listens any more, an error would end the process.
    duplicate.on('error', () => undefined);
    this.#duplicates.push(duplicate);
    return duplicate;
  }

  disconnectAll(): void {
    for (const redis of [this, ...this.#duplicates]) redis.disconnect();
  }
}

const MAX_REASON_LENGTH = 200;

/** What an error says, in one line, without a part of any URL. */
export function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const line = message.replaceAll(/rediss?:\/\/\S+/g, 'redis://…').replaceAll(/\s+/g, ' ');
  return line.slice(0, MAX_REASON_LENGTH);
}

/** Redis answered, and said no: it is full, read-only, or does not know us. Asking again at once would be a storm. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError';
}

/** One line when a connection is lost and one when it is back, whatever happens in between. */
export function logConnection(redis: Redis, log: Log, role: string): void {
  let isLost = false;
  redis.on('error', (error: unknown) => {
    if (isLost) return;
    isLost = true;
    log.warn({ role, reason: reasonOf(error) }, 'Redis cannot be reached; trying again');
  });
  redis.on('close', () => {
    if (isLost || redis.status === 'end') return;
    isLost = true;
    log.warn({ role }, 'the connection to Redis was lost; trying again');
  });
  redis.on('ready', () => {
    if (isLost) log.info({ role }, 'Redis is back');
    isLost = false;
  });
}
