/** The life of a command: words → settings → the work → an exit code. Whatever is thrown on the way becomes one here. */
import { findPackage } from '#libs/config';
import { EXIT } from '#libs/kernel';
import { Command, CommanderError } from 'commander';
import { failureOf } from './failure.js';
import { addFileCommands, verb } from './files/file-commands.js';
import { interruptRunning } from './interruption.js';
import { addRecoveryCommands } from './recovery/recovery-commands.js';
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
      'Store and fetch files of a running server (HOLDFAST_URL, HOLDFAST_API_KEY), and mend the log and the stores of a stopped one.',
    )
    .version(version)
    .helpCommand(false)
    .exitOverride();
  addFileCommands(holdfast);
  verb(holdfast, 'status', async () => (await import('./status/status.js')).showStatus).description(
    'Say how a running server fares: what is owed to each store, what survives what, and what is wrong (then exit 4).',
  );
  addWalCommand(holdfast);
  addRecoveryCommands(holdfast);
  return holdfast;
}

/** Help that was asked for is an answer; help because a word was missing is not. */
function usageExit({ code }: CommanderError): number {
  return code === 'commander.helpDisplayed' || code === 'commander.version' ? EXIT.done : EXIT.usage;
}

function fail(error: unknown, format: 'json' | 'text'): void {
  const { code, message, context, exit } = failureOf(error);
  process.exitCode = exit;
  if (format === 'json') printJson({ error: { code, message, ...context } });
  printError(message);
}

/** A command may be ended anywhere: what reads changes nothing, a repair and a transfer are finished by the next one. */
function endOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (interruptRunning()) return;
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
