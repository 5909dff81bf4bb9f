/** Starts the built server as a process of its own, as an operator would, and watches what it says. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Environment } from './installation.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/apps/api/src/main.js');

const START_TIMEOUT_MS = 60_000;

export type LogLine = Readonly<Record<string, unknown>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class ServerProcess {
  readonly exited: Promise<Exit>;
  readonly stdout: string[] = [];
  stderr = '';
  readonly #child: ChildProcess;
  readonly #listening = Promise.withResolvers<string>();

  /** `launcher`: a program and its arguments that starts the server, such as a tracer. */
  constructor(environment: Environment, launcher: readonly string[] = []) {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`);
    const [program, ...parameters] = [...launcher, process.execPath, '--enable-source-maps', PROGRAM];
    this.#child = spawn(program, parameters, {
      // Nothing of the caller's own environment: a setting there would decide what the test tests.
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#read(line));
    this.#child.stderr!.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.exited = once(this.#child, 'close').then(([code, signal]) => {
      this.#listening.reject(new Error(`the server ended (${String(code ?? signal)}): ${this.stderr}`));
      return { code: code as number | null, signal: signal as NodeJS.Signals | null };
    });
    this.#listening.promise.catch(() => undefined);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Where the server listens, once it serves. */
  async url(timeoutMs = START_TIMEOUT_MS): Promise<string> {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error(`no answer in time: ${this.stderr}`)), timeoutMs);
    try {
      return await Promise.race([this.#listening.promise, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  logLines(): LogLine[] {
    return this.stdout.map((line) => JSON.parse(line) as LogLine);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }

  #read(line: string): void {
    this.stdout.push(line);
    if (!line.includes('"listening"')) return;
    const { msg, url } = JSON.parse(line) as LogLine;
    if (msg === 'listening') this.#listening.resolve(String(url));
  }
}
