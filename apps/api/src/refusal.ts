/** How a start that cannot go on is told: to programs as a JSON line and an exit code, to people as one line on stderr. */
import { StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';
import type { ProcessLog } from './logging/process-log.js';

/** Asked to stop before it served. Nothing is lost: recovery can be interrupted anywhere and starts again. */
export class Interrupted extends Error {
  constructor() {
    super('stopped during the recovery; the next start begins it anew');
    this.name = 'Interrupted';
  }
}

const EXIT_FAILED = 1;
const EXIT_SETTING = 2;
const EXIT_TAKEN = 3;
const EXIT_DAMAGED = 4;
export const EXIT_INTERRUPTED = 130;

const EXIT_CODES: Partial<Record<ErrorCode, number>> = {
  setting_invalid: EXIT_SETTING,
  directory_locked: EXIT_TAKEN,
  address_in_use: EXIT_TAKEN,
  log_corrupt: EXIT_DAMAGED,
  log_behind: EXIT_DAMAGED,
  log_mismatch: EXIT_DAMAGED,
  future_format: EXIT_DAMAGED,
  manifest_corrupt: EXIT_DAMAGED,
  manifest_missing: EXIT_DAMAGED,
  chunk_corrupt: EXIT_DAMAGED,
  chunk_missing: EXIT_DAMAGED,
  primary_empty: EXIT_DAMAGED,
  store_mismatch: EXIT_DAMAGED,
  store_unreadable: EXIT_DAMAGED,
};

export interface Refusal {
  readonly exitCode: number;
  /** One line, without its line break. */
  readonly line: string;
}

export function refusalOf(error: unknown): Refusal {
  const message = error instanceof Error ? error.message : String(error);
  return { exitCode: exitCodeOf(error), line: `holdfast: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}` };
}

function exitCodeOf(error: unknown): number {
  if (error instanceof Interrupted) return EXIT_INTERRUPTED;
  return (StoreError.is(error) ? EXIT_CODES[error.code] : undefined) ?? EXIT_FAILED;
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
