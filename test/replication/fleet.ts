/** The processes of one installation with Redis: the server, workers and Redis, each of which a test may end on its own. */
import { readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { StoredFile } from '../server/file-client.js';
import { makeInstallation } from '../server/installation.js';
import type { Environment, Installation } from '../server/installation.js';
import { ServerProcess } from '../server/server-process.js';
import { RedisService } from '../services/redis.js';
import { WorkerProcess } from '../worker/worker-process.js';

export const REPLICAS = ['replica1', 'replica2'] as const;
export type ReplicaName = (typeof REPLICAS)[number];

const PATIENCE_MS = 60_000;

/** Who copies: a thread of the server, or workers by way of Redis. */
export type Shape = 'embedded' | 'external';

export class Fleet {
  /** Of the next start of the server. */
  shape: Shape = 'external';
  readonly installation: Installation;
  readonly redis: RedisService;
  readonly workers: WorkerProcess[] = [];
  #server: ServerProcess | undefined;
  #url = '';

  private constructor(parts: { installation: Installation; redis: RedisService }) {
    this.installation = parts.installation;
    this.redis = parts.redis;
  }

  /** Starts nothing yet. */
  static async make(settings: Environment = {}): Promise<Fleet> {
    return new Fleet({ installation: await makeInstallation(settings), redis: await RedisService.make() });
  }

  /** Removed however `work` ends. */
  static async during(work: (fleet: Fleet) => Promise<void>, settings: Environment = {}): Promise<void> {
    const fleet = await Fleet.make(settings);
    try {
      await work(fleet);
    } finally {
      await fleet.remove();
    }
  }

  get server(): ServerProcess {
    if (this.#server === undefined) throw new Error('the server has not been started');
    return this.#server;
  }

  get #environment(): Environment {
    const { environment } = this.installation;
    return this.shape === 'embedded' ? environment : { ...environment, REDIS_URL: this.redis.url, WORKERS: 'external' };
  }

  get url(): string {
    return this.#url;
  }

  async startServer(): Promise<void> {
    this.#server = new ServerProcess(this.#environment);
    this.#url = await this.#server.url();
  }

  /** Resolves when it takes jobs. */
  async startWorker(): Promise<WorkerProcess> {
    const worker = new WorkerProcess(this.#environment, () => undefined);
    this.workers.push(worker);
    await worker.says('taking jobs');
    return worker;
  }

  /** Redis, the server and one worker. */
  async startAll(): Promise<WorkerProcess> {
    await this.redis.start();
    await this.startServer();
    return this.startWorker();
  }

  /** The path of the replica while it is there. */
  replica(name: ReplicaName): string {
    return join(this.installation.directory, name);
  }

  takeAway(name: ReplicaName): Promise<void> {
    return rename(this.replica(name), `${this.replica(name)}.away`);
  }

  bringBack(name: ReplicaName): Promise<void> {
    return rename(`${this.replica(name)}.away`, this.replica(name));
  }

  /**
   * How many files the jobs, or the results, are about that nobody has taken yet: one is counted for each store. Of these
   * files only, where they are named: jobs that were handed out anew may wait beside theirs.
   */
  async filesWaiting(queue: 'jobs' | 'results', among?: readonly StoredFile[]): Promise<number> {
    const [list] = (await this.redis.command('KEYS', `*-${queue}:wait`)) as string[];
    if (list === undefined) return 0;
    let files = 0;
    for (const id of (await this.redis.command('LRANGE', list, '0', '-1')) as string[]) {
      const data = await this.redis.command('HGET', list.replace(/wait$/, id), 'data');
      if (typeof data !== 'string') continue;
      const { items } = JSON.parse(data) as { items: { file_id: string }[] };
      files += items.filter((item) => among?.some((file) => file.file_id === item.file_id) ?? true).length;
    }
    return files;
  }

  /** Stops the first worker, with SIGSTOP, when it has begun to write to a replica. */
  async pauseMidCopy(name: ReplicaName): Promise<void> {
    const staging = join(this.replica(name), 'staging');
    const deadline = performance.now() + PATIENCE_MS;
    while (readdirSync(staging).length === 0) {
      if (performance.now() > deadline) throw new Error(`nothing is written to ${name}`);
      await nextTurn();
    }
    this.workers[0]!.signal('SIGSTOP');
  }

  /** Ends every worker, as a stop does. */
  async stopWorkers(): Promise<void> {
    await Promise.all(this.workers.splice(0).map((worker) => worker.stop()));
  }

  async removeCatalog(): Promise<void> {
    const path = join(this.installation.directory, 'catalog.db');
    for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
  }

  /** Ends whatever was started. */
  async remove(): Promise<void> {
    const processes = [...this.workers, ...(this.#server === undefined ? [] : [this.#server])];
    await Promise.all(processes.map((process) => process.stop('SIGKILL')));
    await this.redis.remove();
    await this.installation.remove();
  }
}
