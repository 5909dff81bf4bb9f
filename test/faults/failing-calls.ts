/**
 * A disk that fails under a running server: as long as this stands, the named system calls fail with the given error and
 * are not carried out. strace makes it so, attached from outside; then the disk is well again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Mounts } from './mounts.js';

export interface FailingCalls {
  /** As strace names them: `fdatasync`, or several with commas. */
  readonly calls: string;
  readonly error: 'EIO' | 'ENOSPC' | 'EROFS';
  /** Only calls on these very paths, not on what is below them; all where it is left out. */
  readonly paths?: readonly string[];
  /** Which of the calls of each thread, in strace's words: `1` the first alone. All where it is left out. */
  readonly when?: string;
}

/** `pid` is a process inside `mounts`. Resolves when the fault stands; its end is the end of the fault. */
export async function failCalls(
  mounts: Mounts,
  pid: number,
  { calls, error, paths = [], when }: FailingCalls,
): Promise<AsyncDisposable> {
  const inject = `inject=${calls}:error=${error}${when === undefined ? '' : `:when=${when}`}`;
  const where = paths.flatMap((path) => ['-P', path]);
  const tracer = ['strace', '-f', '-p', String(pid), '-e', `trace=${calls}`, '-e', inject, ...where];
  const [program = '', ...parameters] = [...mounts.launcher, ...tracer];
  const strace = spawn(program, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(strace, 'close');
  let said = '';
  const { promise: attached, resolve } = Promise.withResolvers<void>();
  strace.stderr.on('data', (text: Buffer) => {
    // Only the beginning is of interest: afterwards every failed call is a line.
    if (said.length < 10_000) said += text.toString();
    if (/^strace: Process \d+ attached/m.test(said)) resolve();
  });
  const early = ended.then(() => Promise.reject(new Error(`strace ended: ${said}`)));
  await Promise.race([attached, early]);
  early.catch(() => undefined);
  return {
    [Symbol.asyncDispose]: async () => {
      strace.kill('SIGINT');
      await ended;
    },
  };
}
