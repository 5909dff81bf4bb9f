/** The temporary directory of a run. Everything that is measured lies below it, and it is gone when the run has ended. */
import { rmSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { runToEnd } from './processes.js';

export class Workspace {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async make(directory: string): Promise<Workspace> {
    const path = await mkdtemp(join(directory, 'holdfast-bench-'));
    // "Top of a hierarchy": ext4 then begins each directory below in a part of the disk of its own. Near the leavings of
    // an earlier run it would take 0.6 ms to find a free inode, of the reference as of the server. Other file systems refuse.
    await runToEnd(['chattr', '+T', path]).catch(() => undefined);
    return new Workspace(path);
  }

  /** Hands a new empty directory to `use`. */
  async withDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
    return use(await this.newDirectory());
  }

  /** As `withDirectory`, for few and large files: they are removed at once, for the next ones' room. */
  async withRemovedDirectory<T>(use: (directory: string) => Promise<T>): Promise<T> {
    const directory = await this.newDirectory();
    try {
      return await use(directory);
    } finally {
      await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
    }
  }

  /**
   * An empty directory that stays until the run has ended: ext4 does not give a deleted inode away for some minutes, and
   * searches past each of them with every file it makes.
   */
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
