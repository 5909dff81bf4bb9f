/** The built `npm run repair`, as a process of its own. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Environment } from '../server/installation.js';

const PROGRAM = resolve(import.meta.dirname, '../../dist/scripts/repair.js');

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunningRepair {
  readonly child: ChildProcess;
  readonly outcome: Promise<Outcome>;
}

export function startRepairProgram(environment: Environment, ...words: readonly string[]): RunningRepair {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`);
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (text: Buffer) => (stdout += text.toString()));
  child.stderr.on('data', (text: Buffer) => (stderr += text.toString()));
  const outcome = once(child, 'close').then(([code]): Outcome => ({ code: code as number | null, stdout, stderr }));
  return { child, outcome };
}

export const runRepairProgram = (environment: Environment, ...words: readonly string[]): Promise<Outcome> =>
  startRepairProgram(environment, ...words).outcome;
