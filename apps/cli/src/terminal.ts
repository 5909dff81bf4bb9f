/** What a command says: its answer on stdout, for people or as one JSON object; all else on stderr. */
import type { Log, LogFacts } from '#libs/telemetry';

export { quoted, table } from '#libs/terminal';

export interface OutputOptions {
  readonly json?: true;
}

export function printLines(lines: Iterable<string>): void {
  for (const line of lines) process.stdout.write(`${line}\n`);
}

export function printJson(answer: unknown): void {
  process.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
}

export function printError(message: string): void {
  process.stderr.write(`holdfast: ${message.trim().replaceAll(/\s*\n\s*/g, '; ')}\n`);
}

/** Only what an operator should know beside the answer. */
export const stderrLog: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: writeLine,
  error: writeLine,
};

function writeLine(facts: LogFacts, message: string): void {
  const told = Object.entries(facts).map(
    ([name, value]) => `${name}=${value instanceof Error ? value.message : String(value)}`,
  );
  printError(`${message} (${told.join(', ')})`);
}
