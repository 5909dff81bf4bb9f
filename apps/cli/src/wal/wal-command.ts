/** `holdfast wal …`: the log of a stopped server. One file a verb, loaded when it is called. */
import type { ExitCode } from '#libs/kernel';
import type { Command } from 'commander';
import type { OutputOptions } from '../terminal.js';
import type { RepairCommandOptions } from './repair.js';

/** Added to `program`, whose way of ending it takes over. */
export function addWalCommand(program: Command): void {
  const wal = program.command('wal').description('Look at the write-ahead log of a stopped server, and repair it.');
  verb(wal, 'ls')
    .description('List the segments, and say where the log ends.')
    .action(async (options: OutputOptions) => end(await (await import('./ls.js')).listSegments(options)));
  verb(wal, 'inspect')
    .description('Show the records of one segment, those behind damage included; no contents.')
    .argument('<segment>', 'number of a segment as `wal ls` shows it, or the path of a file')
    .action(async (segment: string, options: OutputOptions) =>
      end(await (await import('./inspect.js')).inspectSegmentFile(segment, options)),
    );
  verb(wal, 'verify')
    .description('Read everything and say what a start would make of it; exits with 4 where it would refuse.')
    .action(async (options: OutputOptions) => end(await (await import('./verify.js')).verify(options)));
  verb(wal, 'repair')
    .description(
      'Say what can be kept of a damaged log, and with --yes keep it, set the log aside and begin a new one.',
    )
    .option('--yes', 'do it')
    .action(async (options: RepairCommandOptions) => end(await (await import('./repair.js')).repair(options)));
}

function verb(wal: Command, name: string): Command {
  return wal.command(name).option('--json', 'print one JSON object and nothing else');
}

function end(code: ExitCode): void {
  process.exitCode = code;
}
