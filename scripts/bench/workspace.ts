/** The temporary directory of a run. Everything that is measured lies below it, and it is gone when the run has ended. */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from './processes.js';

export class Workspace {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(directory: string): Promise<Workspace> {
    return new Workspace(await mkdtemp(join(directory, 'holdfast-bench-')));
  }

  /** Hands an empty directory to `use` and removes it afterwards, so that no figure pays for the leavings of another. */
  async withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
    const directory = await this.newDirectory();
    try {
      return await use(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }

  /** An empty directory that stays until the run has ended. */
  newDirectory(): Promise<string> {
    return mkdtemp(join(this.path, 'cell-'));
  }

  /** Writes out what the disk still owes to whatever came before: a barrier within the next window would pay for it. */
  async settle(): Promise<void> {
    await runToEnd(['sync', '-f', this.path]);
  }

  /** Synchronous, so that an exit handler can call it; tried again where a process just killed was still writing. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
}
