/**
 * File systems for tests that break them, in a mount namespace of their own. The kernel takes the namespace apart, with
 * every mount and loop device in it, when the last process in it has ended: so nothing is left behind in any ending, not
 * even a kill of the test itself. The holder of the namespace ends with the pipe from here, servers die with their parent.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

export interface TmpfsSize {
  readonly sizeMib: number;
  readonly inodes?: number;
}

export class Mounts implements AsyncDisposable {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async create(): Promise<Mounts> {
    // `private`: what is mounted here is not seen outside. `cat` ends when nobody holds the other end of its input.
    const command = ['--mount', '--propagation', 'private', 'sh', '-c', 'echo ready; exec cat'];
    const holder = spawn('unshare', command, { stdio: ['pipe', 'pipe', 'inherit'] });
    const ready = once(holder.stdout, 'data');
    const ended = once(holder, 'close').then(() => Promise.reject(new Error('no mount namespace could be made')));
    await Promise.race([ready, ended]);
    ended.catch(() => undefined);
    return new Mounts(holder);
  }

  /** The process that holds the namespace. */
  get pid(): number {
    return this.#holder.pid!;
  }

  /** Starts a program inside, under its own pid, and kills it when the test's process ends in whatever way. */
  get launcher(): readonly string[] {
    return ['setpriv', '--pdeathsig', 'KILL', 'nsenter', '--target', String(this.pid), '--mount', '--'];
  }

  /** Where this process finds what stands at `path` inside. */
  seen(path: string): string {
    return `/proc/${this.pid}/root${path}`;
  }

  /** Runs a program inside to its end; throws where it fails. */
  async run(...command: readonly string[]): Promise<string> {
    const [program = '', ...parameters] = [...this.launcher, ...command];
    return (await execFileAsync(program, parameters)).stdout;
  }

  /** A disk in memory. Making the directory, where it is missing, is part of it. */
  async tmpfs(path: string, { sizeMib, inodes = 100_000 }: TmpfsSize): Promise<void> {
    await mkdir(this.seen(path), { recursive: true });
    await this.run('mount', '-t', 'tmpfs', '-o', `size=${sizeMib}m,nr_inodes=${inodes}`, 'tmpfs', path);
  }

  /** The file system in an image. The loop device goes with the mount. */
  async image(imagePath: string, path: string, options: readonly string[] = []): Promise<void> {
    await mkdir(this.seen(path), { recursive: true });
    await this.run('mount', '-o', ['loop', ...options].join(','), imagePath, path);
  }

  async unmount(path: string): Promise<void> {
    await this.run('umount', path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return;
    this.#holder.kill('SIGKILL');
    await once(this.#holder, 'close');
  }
}
