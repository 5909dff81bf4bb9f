/** Runs the commands on files of a running server, from a directory of the caller's own. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { TestServer } from '../server/harness.js';
import { runCommand, startCommand } from './command.js';
import type { Outcome, RunningCommand } from './command.js';

export interface Caller {
  /** Where the caller stands: relative paths begin here. */
  readonly directory: string;
  /** Where the caller's directory is, which a command must not leave anything in. */
  readonly outside: string;
  run(...words: readonly string[]): Promise<Outcome>;
  start(...words: readonly string[]): RunningCommand;
  path(relativePath: string): string;
  write(relativePath: string, content: Buffer | string): Promise<string>;
}

export async function makeCaller(
  { url }: Pick<TestServer, 'url'>,
  settings: Record<string, string> = {},
): Promise<Caller> {
  const outside = await mkdtemp(join(tmpdir(), 'holdfast-'));
  onTestFinished(() => rm(outside, { recursive: true, force: true }));
  const directory = join(outside, 'here');
  await mkdir(directory);
  const environment = { HOLDFAST_URL: url, INIT_CWD: directory, ...settings };
  return {
    directory,
    outside,
    run: (...words) => runCommand(environment, ...words),
    start: (...words) => startCommand(environment, words),
    path: (relativePath) => join(directory, relativePath),
    write: async (relativePath, content) => {
      const path = join(directory, relativePath);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, content);
      return path;
    },
  };
}
