/**
 * Asks the kernel to write a whole file system to its disk (syncfs), by way of the program `sync`, since Node has no such
 * call. To start a program costs a process of some hundred megabytes tens of milliseconds, in which its thread does nothing
 * else; so a small shell is started once, and starts `sync` as often as it is asked.
 *
 * A shell does one thing at a time. A file system that hangs must not keep the others waiting, so whoever finds no idle
 * shell starts one.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { systemErrorCode } from '#libs/kernel';
import { systemError } from './system-error.js';

/** Kept for the next time; as many copies sync at once where a few replicas are filled. */
const MAX_IDLE_SHELLS = 8;

/** Answers every line, a path, with what `sync` exits with, until its input ends. */
const SCRIPT = 'while IFS= read -r path; do sync -f -- "$path" 2>/dev/null; echo "$?"; done';
/** What a shell says where there is no such program. */
const NOT_FOUND = '127';

export class FileSystemSync {
  readonly #idle: SyncShell[] = [];

  /** Throws `EIO` where the file system could not be written, or nobody knows; `ENOSYS` where there is no `sync`. */
  async run(path: string): Promise<void> {
    if (path.includes('\n')) throw failed(path, 'ENOSYS', new Error('a path with a line break cannot be asked for'));
    const shell = this.#takeIdle() ?? new SyncShell();
    try {
      const exitCode = await shell.sync(path);
      if (exitCode !== '0') throw failed(path, exitCode === NOT_FOUND ? 'ENOSYS' : 'EIO');
    } finally {
      if (this.#idle.length < MAX_IDLE_SHELLS) this.#idle.push(shell);
      else shell.end();
    }
  }

  /** Ends the idle shells; those under way end when they have answered. */
  end(): void {
    for (const shell of this.#idle.splice(0)) shell.end();
  }

  #takeIdle(): SyncShell | undefined {
    for (let shell = this.#idle.pop(); shell !== undefined; shell = this.#idle.pop()) if (!shell.isOver) return shell;
    return undefined;
  }
}

type Shell = ChildProcessByStdio<Writable, Readable, null>;
type Handle = Pick<Shell, 'ref' | 'unref'>;

class SyncShell {
  readonly #shell: Shell;
  #waiter = Promise.withResolvers<string>();
  #text = '';
  #failure: Error | undefined;

  constructor() {
    // A group of its own: Ctrl-C means the server, whose stop still has to sync. It ends with its input, however we end.
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'], detached: true, cwd: '/' });
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#shell.on('error', (error) => this.#lose(error));
    this.#shell.on('exit', () => this.#lose(new Error('the shell that runs sync ended')));
    this.#shell.stdin.on('error', (error) => this.#lose(error));
  }

  get isOver(): boolean {
    return this.#failure !== undefined;
  }

  /** One at a time. Answers with what `sync` exited with. */
  async sync(path: string): Promise<string> {
    this.#waiter = Promise.withResolvers<string>();
    if (this.#failure === undefined) this.#shell.stdin.write(`${path}\n`);
    else this.#waiter.reject(this.#failure);
    this.#hold('ref');
    try {
      return await this.#waiter.promise;
    } catch (cause) {
      throw failed(path, systemErrorCode(cause) === 'ENOENT' ? 'ENOSYS' : 'EIO', cause);
    } finally {
      this.#hold('unref');
    }
  }

  end(): void {
    this.#shell.stdin.end();
  }

  #take(text: string): void {
    this.#text += text;
    if (!this.#text.endsWith('\n')) return;
    this.#waiter.resolve(this.#text.trim());
    this.#text = '';
  }

  #lose(error: Error): void {
    this.#failure ??= error;
    // Whoever waits is told; nobody waits between two calls.
    this.#waiter.promise.catch(() => undefined);
    this.#waiter.reject(this.#failure);
  }

  /** A shell that is waited for keeps the process from ending; an idle one does not. */
  #hold(hold: 'ref' | 'unref'): void {
    const { stdin, stdout } = this.#shell as unknown as Record<'stdin' | 'stdout', Handle>;
    for (const handle of [this.#shell, stdin, stdout]) handle[hold]();
  }
}

function failed(path: string, code: 'EIO' | 'ENOSYS', cause?: unknown): Error {
  return systemError(code, { syscall: 'syncfs', path, cause });
}
