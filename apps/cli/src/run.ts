/** The life of a command: words → settings → the work → an exit code. Whatever is thrown on the way becomes one here. */
import { findPackage } from '#libs/config';
import { EXIT, exitCodeOf, StoreError } from '#libs/kernel';
import { Command, CommanderError } from 'commander';
import { printError, printJson } from './terminal.js';
import { addWalCommand } from './wal/wal-command.js';

/** Sets the process's exit code; it ends by itself when all is written. */
export async function run(argv: readonly string[]): Promise<void> {
  endOnSignal();
  endOnClosedPipe();
  try {
    await program().parseAsync(argv);
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = usageExit(error);
    else fail(error, argv.includes('--json') ? 'json' : 'text');
  }
}

function program(): Command {
  const { version } = findPackage(import.meta.dirname);
  const holdfast = new Command('holdfast')
    .description(
      'Commands for an installation of Holdfast. Settings come from the environment, as the server reads them.',
    )
    .version(version)
    .helpCommand(false)
    .exitOverride();
  addWalCommand(holdfast);
  return holdfast;
}

/** Help that was asked for is an answer; help because a word was missing is not. */
function usageExit({ code }: CommanderError): number {
  return code === 'commander.helpDisplayed' || code === 'commander.version' ? EXIT.done : EXIT.usage;
}

function fail(error: unknown, format: 'json' | 'text'): void {
  const message = error instanceof Error ? error.message : String(error);
  process.exitCode = exitCodeOf(error);
  const facts = StoreError.is(error) ? { code: error.code, message, ...error.context } : { code: 'internal', message };
  if (format === 'json') printJson({ error: facts });
  printError(message);
}

/** A command may be ended anywhere: what reads changes nothing, and a repair is finished by the next one. */
function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      printError('interrupted');
      process.exit(EXIT.interrupted);
    });
  }
}

/** `… | head` has seen enough, and that is no failure. */
function endOnClosedPipe(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit();
    throw error;
  });
}
