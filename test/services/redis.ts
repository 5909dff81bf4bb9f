/** A real Redis for a test: a process of its own on a free port of loopback, ended by its id, with a directory of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { isInstalled } from '../server/required-program.js';

/** Why tests with Redis cannot run here, or undefined. With `REQUIRE_SERVICES=1` a reason is a failure. */
export function reasonWithoutRedis(): string | undefined {
  return isInstalled('redis-server') ? undefined : 'redis-server not installed';
}

const START_ATTEMPTS = 100;
const BETWEEN_ATTEMPTS_MS = 50;

export class RedisService {
  readonly port: number;
  readonly #directory: string;
  readonly #arguments: readonly string[];
  #process: ChildProcess | undefined;

  private constructor({ port, directory, args }: { port: number; directory: string; args: readonly string[] }) {
    this.port = port;
    this.#directory = directory;
    this.#arguments = args;
  }

  /** `args` are added to the command line, for example `--appendonly yes`. Without any, a restart forgets everything. */
  static async make(...args: string[]): Promise<RedisService> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
    return new RedisService({ port: await freePort(), directory, args });
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#process!.pid!;
  }

  async start(): Promise<void> {
    const own = ['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#directory, '--save', ''];
    this.#process = spawn('redis-server', [...own, ...this.#arguments], { stdio: 'ignore' });
    for (let attempt = 0; !(await answers(this.port)); attempt++) {
      if (attempt >= START_ATTEMPTS) throw new Error(`redis-server does not listen on ${this.port}`);
      await sleep(BETWEEN_ATTEMPTS_MS);
    }
  }

  /** As `SIGTERM` a stop in order, as `SIGKILL` a crash. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const exited = once(running, 'exit');
    running.kill(signal);
    await exited;
  }

  /** On the same port. */
  async restart(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  /** `SIGSTOP`: takes connections, answers nothing. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(signal);
  }

  /** One command on a connection of its own. */
  async command(name: string, ...args: string[]): Promise<unknown> {
    const redis = new Redis(this.url, { lazyConnect: true, maxRetriesPerRequest: 1 });
    redis.on('error', () => undefined);
    try {
      return await redis.call(name, ...args);
    } finally {
      redis.disconnect();
    }
  }

  async remove(): Promise<void> {
    this.signal('SIGCONT');
    await this.stop('SIGKILL');
    await rm(this.#directory, { recursive: true, force: true });
  }
}

/** Made and started for the test that calls it; gone however the test ends. */
export async function startRedis(...args: string[]): Promise<RedisService> {
  const redis = await RedisService.make(...args);
  onTestFinished(() => redis.remove());
  await redis.start();
  return redis;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

async function answers(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    socket.write('PING\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    // A protected one answers that it wants a password; that is an answer too. One that loads its file does not count.
    return !answer.toString().includes('LOADING');
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
