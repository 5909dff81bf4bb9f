/** A Redis of a measurement's own, with the log that one would keep it with: written at once, synced every second. */
import type { ChildProcess } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { isInstalled } from './installed.js';
import { endProgram, startProgram } from './processes.js';
import { untilOutput } from './until-output.js';

export const redisMissing = (): string | undefined =>
  isInstalled('redis-server') ? undefined : 'redis-server is not installed (Debian: apt-get install redis-server)';

export class Redis {
  readonly #child: ChildProcess;
  readonly url: string;

  private constructor(child: ChildProcess, url: string) {
    this.#child = child;
    this.url = url;
  }

  /** `directory` takes its log and what it prints. */
  static async start(directory: string): Promise<Redis> {
    await mkdir(directory, { recursive: true });
    const port = String(await freePort());
    const place = ['--port', port, '--bind', '127.0.0.1', '--dir', directory];
    const outputPath = join(directory, 'output');
    const child = startProgram(['redis-server', ...place, '--save', '', '--appendonly', 'yes'], { outputPath });
    try {
      await untilOutput(child, { outputPath, text: 'Ready to accept connections' });
      return new Redis(child, `redis://127.0.0.1:${port}`);
    } catch (error) {
      await endProgram(child, 'SIGKILL');
      throw error;
    }
  }

  async stop(): Promise<void> {
    await endProgram(this.#child, 'SIGKILL');
  }
}
