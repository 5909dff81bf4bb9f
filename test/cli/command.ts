/** Runs the built command line as a process of its own, with a stdin that gives nothing. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Environment } from '../server/installation.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/apps/cli/src/main.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What `--json` printed; throws where stdout is anything but one JSON value. */
  json<T = Record<string, unknown>>(): T;
}

export interface RunningCommand {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

export function startCommand(environment: Environment, words: readonly string[]): RunningCommand {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`);
  const child = spawn(process.execPath, ['--enable-source-maps', PROGRAM, ...words], {
    // Nothing of the caller's own environment: a setting there would decide what the test tests.
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const outcome = once(child, 'close').then(([code]) => {
    return { code: code as number | null, stdout, stderr, json: <T>() => JSON.parse(stdout) as T };
  });
  return { child, outcome };
}

export function runCommand(environment: Environment, ...words: readonly string[]): Promise<Outcome> {
  return startCommand(environment, words).outcome;
}
