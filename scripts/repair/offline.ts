/**
 * A stopped installation is repaired by its own server, started for as long as that takes on a free port of this machine: so
 * the locks, the replay of the log and the jobs are those of every other start. Jobs stay in the process, because workers
 * and Redis may be stopped too.
 */
import { EXIT } from '#libs/kernel';
import type { ExitCode } from '#libs/kernel';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

/** From `dist/scripts/repair`. */
const PROGRAM = resolve(import.meta.dirname, '../../apps/api/src/main.js');

const END_WITH_PARENT = pathToFileURL(resolve(import.meta.dirname, 'end-with-parent.js')).href;

const OWN_SETTINGS = { HOST: '127.0.0.1', PORT: '0', REDIS_URL: '', WORKERS: 'embedded' };

/** It would not start; its exit code says what kind of help is needed. */
export class StartError extends Error {
  readonly exitCode: ExitCode;

  constructor(message: string, exitCode: ExitCode) {
    super(message);
    this.name = 'StartError';
    this.exitCode = exitCode;
  }
}

export class OfflineServer {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<unknown>;

  private constructor(parts: { url: string; child: ChildProcess; ended: Promise<unknown> }) {
    this.url = parts.url;
    this.#child = parts.child;
    this.#ended = parts.ended;
  }

  /** Resolves when the log has been replayed. Throws `StartError`. */
  static async start(environment: NodeJS.ProcessEnv): Promise<OfflineServer> {
    // A group of its own: a Ctrl-C is for the command, which then stops it in good order.
    const child = spawn(process.execPath, ['--enable-source-maps', '--import', END_WITH_PARENT, PROGRAM], {
      env: { ...environment, ...OWN_SETTINGS },
      // The channel carries nothing: that it closes tells the server that the command is gone.
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    let said = '';
    child.stderr!.on('data', (text: Buffer) => (said = `${said}${text.toString()}`.slice(-10_000)));
    const ended = once(child, 'close');
    const listening = Promise.withResolvers<string>();
    createInterface({ input: child.stdout! }).on('line', (line) => {
      if (!line.includes('"listening"')) return;
      const { msg, url } = JSON.parse(line) as { msg?: string; url?: string };
      if (msg === 'listening' && url !== undefined) listening.resolve(url);
    });
    const gaveUp = ended.then(([code]): never => {
      throw new StartError(
        said.trim().replace(/^holdfast: /, '') || 'The server ended.',
        exitCodeOf(code as number | null),
      );
    });
    gaveUp.catch(() => undefined);
    return new OfflineServer({ url: await Promise.race([listening.promise, gaveUp]), child, ended });
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#ended;
  }
}

function exitCodeOf(code: number | null): ExitCode {
  return Object.values(EXIT).find((known) => known === code) ?? EXIT.failed;
}
