// Runs one program of the tool chain and reports how it ended. Programs of `node_modules/.bin` come first, as under npm,
// so that a script run directly uses the same tools and the same Node.js.
import { spawn } from 'node:child_process';
import { delimiter, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '..');

const PATH = [resolve(ROOT, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);

export interface Outcome {
  exitCode: number;
  /** Both streams in the order of arrival; empty where the program wrote to our own streams. */
  output: string;
}

export interface ProgramOptions {
  output: 'captured' | 'inherited';
  environment?: Record<string, string>;
}

/** A program that cannot be started or that a signal ended counts as exit code 1. */
export function runProgram(command: string[], options: ProgramOptions): Promise<Outcome> {
  const [program = '', ...args] = command;
  const child = spawn(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...options.environment, PATH },
    stdio: options.output === 'captured' ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'inherit', 'inherit'],
  });
  // Nothing may be left running when the parent is told to stop.
  const stop = (signal: NodeJS.Signals): void => void child.kill(signal);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);

  return new Promise((done) => {
    const parts: Buffer[] = [];
    child.stdout?.on('data', (part: Buffer) => parts.push(part));
    child.stderr?.on('data', (part: Buffer) => parts.push(part));
    const finish = (exitCode: number, complaint = ''): void => {
      process.off('SIGTERM', stop);
      process.off('SIGINT', stop);
      done({ exitCode, output: Buffer.concat(parts).toString() + complaint });
    };
    child.on('error', (error) => finish(1, `${program}: ${error.message}\n`));
    child.on('close', (code, signal) =>
      finish(code ?? 1, signal === null ? '' : `${program} was ended by ${signal}\n`),
    );
  });
}
