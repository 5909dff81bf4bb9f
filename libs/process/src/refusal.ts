/** How a start that cannot go on is told: to programs as a JSON line and an exit code, to people as one line on stderr. */
import { EXIT, exitCodeOf, StoreError } from '#libs/kernel';
import type { ProcessLog } from './process-log.js';

/** Asked to stop before it served. `message` says what becomes of what was begun. */
export class Interrupted extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Interrupted';
  }
}

export interface Refusal {
  readonly exitCode: number;
  /** One line, without its line break. */
  readonly line: string;
}

export function refusalOf(error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  const exitCode = error instanceof Interrupted ? EXIT.interrupted : exitCodeOf(error);
  return { exitCode, line: `holdfast: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}` };
}

/** Ends the process. The line goes to stderr also without a terminal: that is where a supervisor looks. */
export function refuse(error: unknown, { log, flush }: ProcessLog): never {
  const { exitCode, line } = refusalOf(error);
  const facts = StoreError.is(error) ? { code: error.code, ...error.context } : {};
  log.fatal({ ...facts, err: error, exit_code: exitCode }, line);
  flush();
  process.stderr.write(`${line}\n`);
  process.exit(exitCode);
}
