/** What goes wrong in a soak: processes are killed, stopped or paused, Redis forgets, replicas vanish. All of it comes back. */
import { setTimeout as sleep } from 'node:timers/promises';
import { REPLICAS } from '../replication/fleet.js';
import type { Fleet } from '../replication/fleet.js';
import { Counts } from './counts.js';
import type { SeededRandom } from './seeded-random.js';

const MAX_CALM_MS = 2_500;
const MAX_DOWN_MS = 700;
const MAX_AWAY_MS = 3_000;
/** Past the lock that a worker has on its job: another one takes it meanwhile. */
const LONG_PAUSE_MS = 17_000;
const SHORT_PAUSE_MS = 1_000;
/** How soon a server may be killed that has just been started. */
const RECOVERY_MS = 1_500;
export const WORKERS = 2;

export interface MishapsOptions {
  readonly fleet: Fleet;
  readonly random: SeededRandom;
}

type Mishap = () => Promise<void>;

export class Mishaps {
  readonly counts = new Counts();
  readonly #fleet: Fleet;
  readonly #random: SeededRandom;
  #pause: Promise<void> | undefined;

  constructor({ fleet, random }: MishapsOptions) {
    this.#fleet = fleet;
    this.#random = random;
  }

  /** Until the signal; everything is back when it resolves. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#repeat([() => this.#replicaVanishes()], signal),
      this.#repeat(this.#fleet.shape === 'embedded' ? this.#ofServer() : this.#ofAll(), signal),
    ]);
    await this.#pause;
  }

  async #repeat(mishaps: readonly Mishap[], signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#random.below(MAX_CALM_MS));
      if (signal.aborted) return;
      await this.#random.pick(mishaps)();
    }
  }

  #ofServer(): Mishap[] {
    const killed = (): Promise<void> => this.#serverEnds('SIGKILL');
    return [killed, killed, killed, () => this.#serverEnds('SIGTERM')];
  }

  #ofAll(): Mishap[] {
    const workerKilled = (): Promise<void> => this.#workerEnds('SIGKILL');
    const redisEnds = (): Promise<void> => this.#redisEnds();
    return [
      ...this.#ofServer(),
      workerKilled,
      workerKilled,
      () => this.#workerEnds('SIGTERM'),
      redisEnds,
      redisEnds,
      () => this.#redisForgets(),
      () => this.#workerPauses(),
    ];
  }

  async #serverEnds(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.counts.add(`server ended by ${signal}`);
    await this.#fleet.server.stop(signal);
    await sleep(this.#random.below(MAX_DOWN_MS));
    if (this.#random.oneIn(4)) {
      this.counts.add('server killed during its start');
      const start = this.#fleet.startServer().catch(() => undefined);
      await sleep(this.#random.below(RECOVERY_MS));
      await this.#fleet.server.stop('SIGKILL');
      await start;
    }
    if (this.#random.oneIn(5)) {
      this.counts.add('catalog lost');
      await this.#fleet.removeCatalog();
    }
    await this.#fleet.startServer();
  }

  async #workerEnds(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.counts.add(`worker ended by ${signal}`);
    await this.#fleet.workers.shift()!.stop(signal);
    await sleep(this.#random.below(MAX_DOWN_MS));
    await this.#fleet.startWorker();
  }

  /** Beside everything else, and one at a time, so that there is always a worker that runs. */
  async #workerPauses(): Promise<void> {
    if (this.#pause !== undefined) return;
    const ms = this.#random.oneIn(2) ? LONG_PAUSE_MS : SHORT_PAUSE_MS;
    this.counts.add(`worker paused for ${ms / 1_000} s`);
    const worker = this.#fleet.workers.at(-1)!;
    worker.signal('SIGSTOP');
    this.#pause = sleep(ms).then(() => {
      worker.signal('SIGCONT');
      this.#pause = undefined;
    });
  }

  async #redisEnds(): Promise<void> {
    this.counts.add('Redis killed');
    await this.#fleet.redis.stop('SIGKILL');
    await sleep(this.#random.below(MAX_DOWN_MS));
    await this.#fleet.redis.start();
  }

  async #redisForgets(): Promise<void> {
    this.counts.add('Redis flushed');
    await this.#fleet.redis.command('FLUSHALL');
  }

  async #replicaVanishes(): Promise<void> {
    const name = this.#random.pick(REPLICAS);
    this.counts.add(`${name} vanished`);
    await this.#fleet.takeAway(name);
    await sleep(this.#random.below(MAX_AWAY_MS));
    await this.#fleet.bringBack(name);
  }
}
