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

/** Kept for the next time; as many disks sync at once where a few replicas are filled. */
const MAX_IDLE_SHELLS = 8;

/**
 * Answers every line, a path, with what `sync` exits with, until its input ends. The shell opens the path, and `sync` gets it
 * by its descriptor: a directory that goes meanwhile must not look like a file system that could not be written.
 */
const SCRIPT = `while IFS= read -r path; do
  { sync -f -- /proc/self/fd/3 2>/dev/null; echo "$?"; } 3<"$path" || echo unopened
done`;

/** `failed`: the file system could not be written, or nobody knows. `unopened`: it was not asked, the path is not there. */
export type SyncAnswer = 'synced' | 'failed' | 'unopened' | 'no_program';

const BY_EXIT: Readonly<Record<string, SyncAnswer>> = { 0: 'synced', 127: 'no_program', unopened: 'unopened' };

export class SyncShells {
  readonly #idle: SyncShell[] = [];

  /** The path has no line break. */
  async sync(path: string): Promise<SyncAnswer> {
    const shell = this.#takeIdle() ?? new SyncShell();
    const answer = await shell.sync(path);
    if (this.#idle.length < MAX_IDLE_SHELLS) this.#idle.push(shell);
    else shell.end();
    return answer;
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
  #waiter = Promise.withResolvers<SyncAnswer>();
  #text = '';
  /** What everybody is told from then on; a shell that is lost in the middle may have synced or not. */
  #loss: SyncAnswer | undefined;

  constructor() {
    // A group of its own: Ctrl-C means the server, whose stop still has to sync. It ends with its input, however we end.
    this.#shell = spawn('/bin/sh', ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'ignore'], detached: true, cwd: '/' });
    this.#shell.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(text));
    this.#shell.on('error', (error) => this.#lose(systemErrorCode(error) === 'ENOENT' ? 'no_program' : 'failed'));
    this.#shell.on('exit', () => this.#lose('failed'));
    this.#shell.stdin.on('error', () => this.#lose('failed'));
  }

  get isOver(): boolean {
    return this.#loss !== undefined;
  }

  /** One at a time. */
  async sync(path: string): Promise<SyncAnswer> {
    this.#waiter = Promise.withResolvers<SyncAnswer>();
    if (this.#loss === undefined) this.#shell.stdin.write(`${path}\n`);
    else this.#waiter.resolve(this.#loss);
    this.#hold('ref');
    try {
      return await this.#waiter.promise;
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
    this.#waiter.resolve(BY_EXIT[this.#text.trim()] ?? 'failed');
    this.#text = '';
  }

  #lose(answer: SyncAnswer): void {
    this.#loss ??= answer;
    this.#waiter.resolve(this.#loss);
  }

  /** A shell that is waited for keeps the process from ending; an idle one does not. */
  #hold(hold: 'ref' | 'unref'): void {
    const { stdin, stdout } = this.#shell as unknown as Record<'stdin' | 'stdout', Handle>;
    for (const handle of [this.#shell, stdin, stdout]) handle[hold]();
  }
}
