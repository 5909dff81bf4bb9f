/** The built server, started as `npm start` starts it, on directories of its own and with defaults for all else. */
import type { ChildProcess } from 'node:child_process';
import { open, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT } from '../run-program.js';
import { httpGet } from './http-get.js';
import { endProgram, startProgram } from './processes.js';

const PROGRAM = resolve(ROOT, 'dist/apps/api/src/main.js');

/** A replay of many records counts as a start. */
const READY_TIMEOUT_MS = 180_000;
const STOP_TIMEOUT_MS = 60_000;
/** How exactly a start is timed. */
const POLL_MS = 2;
/** What is waited for stands in the first lines; behind them comes one for every request. */
const FIRST_LINES_BYTES = 64 * 1024;

type LogLine = Readonly<Record<string, unknown>>;

export interface LogPosition {
  readonly committed_lsn: number;
}

export interface ServerOptions {
  /** On top of those that say where everything lies. */
  readonly settings?: Readonly<Record<string, string>>;
  /** A program and its arguments that starts the server as its own process, such as a tracer. */
  readonly launcher?: readonly string[];
}

/** For what is held against something that makes no copies either. */
export const NO_REPLICAS: ServerOptions = { settings: { REPLICAS: '' } };

export class Server {
  readonly #child: ChildProcess;
  readonly #logPath: string;
  #url = '';

  private constructor(child: ChildProcess, logPath: string) {
    this.#child = child;
    this.#logPath = logPath;
  }

  /**
   * Returns once `/ready` says 200. `installation` holds all its directories, what it logs included.
   */
  static async start(installation: string, { settings = {}, launcher = [] }: ServerOptions = {}): Promise<Server> {
    const logPath = join(installation, 'server.log');
    const child = startProgram([...launcher, process.execPath, '--enable-source-maps', PROGRAM], {
      environment: { ...settingsFor(installation), ...settings },
      outputPath: logPath,
    });
    const server = new Server(child, logPath);
    try {
      await server.#ready();
      return server;
    } catch (error) {
      await server.kill();
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get url(): string {
    return this.#url;
  }

  async position(): Promise<LogPosition> {
    const { status, text } = await httpGet(`${this.#url}/admin/wal/segments`);
    if (status !== 200) throw new Error(`/admin/wal/segments answers ${status}`);
    return JSON.parse(text) as LogPosition;
  }

  /** What its log says of the start. */
  async recovery(): Promise<{ readonly seconds: number; readonly replayedRecords: number }> {
    const line = await this.#line('listening');
    const { recovery_ms: durationMs, replayed_records: replayedRecords } = line ?? {};
    if (typeof durationMs !== 'number' || typeof replayedRecords !== 'number')
      throw new Error('the line `listening` lacks recovery_ms or replayed_records');
    return { seconds: durationMs / 1000, replayedRecords };
  }

  /** A clean stop, its last checkpoint included. Gives seconds. */
  async stop(): Promise<number> {
    const startedMs = performance.now();
    const late = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await endProgram(this.#child, 'SIGTERM');
    clearTimeout(late);
    if (this.#child.exitCode !== 0) throw new Error(`the server did not stop cleanly: ${await this.#complaint()}`);
    return (performance.now() - startedMs) / 1000;
  }

  async kill(): Promise<void> {
    await endProgram(this.#child, 'SIGKILL');
  }

  async #ready(): Promise<void> {
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < deadlineMs) {
      if (this.#child.exitCode !== null || this.#child.signalCode !== null)
        throw new Error(`the server ended: ${await this.#complaint()}`);
      const url = this.#url === '' ? (await this.#line('recovering'))?.['url'] : this.#url;
      if (typeof url === 'string') this.#url = url;
      if (this.#url !== '' && (await httpGet(`${this.#url}/ready`)).status === 200) return;
      await delay(POLL_MS);
    }
    throw new Error(`the server is not ready after ${READY_TIMEOUT_MS} ms: ${await this.#complaint()}`);
  }

  /** The first line with this message, or undefined where it has not been written, or not to its end. */
  async #line(message: string): Promise<LogLine | undefined> {
    const file = await open(this.#logPath);
    try {
      const { buffer, bytesRead } = await file.read({ buffer: Buffer.alloc(FIRST_LINES_BYTES), position: 0 });
      const lines = buffer.toString('utf8', 0, bytesRead).split('\n').slice(0, -1);
      // What Node.js itself says before the server does is no JSON.
      return lines
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as LogLine)
        .find(({ msg }) => msg === message);
    } finally {
      await file.close();
    }
  }

  async #complaint(): Promise<string> {
    return (await readFile(this.#logPath, 'utf8')).trimEnd().split('\n').slice(-5).join('\n');
  }
}

/** Where the log and the stores lie, and a port that is free; all other settings stay at their defaults. */
export function settingsFor(installation: string): Record<string, string> {
  return {
    PORT: '0',
    STORAGE_PATH: primaryOf(installation),
    REPLICAS: replicasOf(installation).join(','),
    WAL_PATH: walPathOf(installation),
    DATABASE_URL: `sqlite:${join(installation, 'catalog.db')}`,
  };
}

export const primaryOf = (installation: string): string => join(installation, 'primary');

/** As many as the server has by default. */
export const replicasOf = (installation: string): string[] => [
  join(installation, 'replica1'),
  join(installation, 'replica2'),
];

export const walPathOf = (installation: string): string => join(installation, 'wal');
