/**
 * The processes of a measurement. Each is known from its start to its end, so that none outlives the run, however that
 * ends: a server left behind would be in the figures of the next run.
 */
import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { resolve } from 'node:path';
import { promisify } from 'node:util';

const running = new Set<ChildProcess>();

/** Nothing of the caller's own environment: a setting there would decide what is measured. */
function environmentOf(environment: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return { PATH: process.env['PATH'], ...environment };
}

export interface ProgramOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** File that takes both streams, emptied first. */
  readonly outputPath: string;
}

/** Starts a program that runs until it is told to end. */
export function startProgram(
  command: readonly string[],
  { environment = {}, outputPath }: ProgramOptions,
): ChildProcess {
  const [program = '', ...parameters] = command;
  const output = openSync(outputPath, 'w');
  try {
    const child = spawn(program, parameters, { env: environmentOf(environment), stdio: ['ignore', output, output] });
    known(child);
    if (child.pid === undefined) throw new Error(`${program} cannot be started`);
    return child;
  } finally {
    closeSync(output);
  }
}

/** Ends it and waits until it has ended. */
export async function endProgram(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** Runs a program to its end and gives its stdout. Throws with its stderr where it fails. */
export async function runToEnd(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const [program = '', ...parameters] = command;
  const options = { env: environmentOf(environment), maxBuffer: MAX_OUTPUT_BYTES };
  const ending = promisify(execFile)(program, parameters, options);
  known(ending.child);
  return (await ending).stdout;
}

/** One of `programs/`, as a command: run from its source, with this process's own Node.js. */
export function ownProgram(name: string, ...parameters: readonly string[]): string[] {
  return [process.execPath, ...process.execArgv, resolve(import.meta.dirname, 'programs', `${name}.ts`), ...parameters];
}

function known(child: ChildProcess): ChildProcess {
  running.add(child);
  const forget = (): void => void running.delete(child);
  child.once('exit', forget).once('error', forget);
  return child;
}

/** For the moment when this process itself must end: no waiting. */
export function killAll(): void {
  for (const child of running) child.kill('SIGKILL');
}
