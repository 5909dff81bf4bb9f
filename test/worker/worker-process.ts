/** Starts the built worker as a process of its own, as an operator would, and watches what it says. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished, vi } from 'vitest';
import type { Environment } from '../server/installation.js';
import type { Exit, LogLine } from '../server/server-process.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/apps/worker/src/main.js');
const PATIENCE = { timeout: 60_000, interval: 20 };

export class WorkerProcess {
  readonly exited: Promise<Exit>;
  readonly stdout: string[] = [];
  stderr = '';
  readonly #child: ChildProcess;

  /** `whenOver` ends the process with the test; tests that run at the same time have one each. */
  constructor(environment: Environment, whenOver: (end: () => void) => void = onTestFinished) {
    if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`);
    this.#child = spawn(process.execPath, ['--enable-source-maps', PROGRAM], {
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.stdout.push(line));
    this.#child.stderr!.on('data', (text: Buffer) => (this.stderr += text.toString()));
    this.exited = once(this.#child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as NodeJS.Signals | null,
    }));
    whenOver(() => void this.#child.kill('SIGKILL'));
  }

  /** What it has said; each line has to be JSON. */
  lines(): LogLine[] {
    return this.stdout.map((line) => JSON.parse(line) as LogLine);
  }

  /** The line with that message, once it is there. */
  async says(message: string): Promise<LogLine> {
    return vi.waitFor(() => {
      const line = this.lines().find(({ msg }) => msg === message);
      if (line === undefined) throw new Error(`not said: ${message}\n${this.stdout.join('\n')} ${this.stderr}`);
      return line;
    }, PATIENCE);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<Exit> {
    this.signal(signal);
    return this.exited;
  }
}
