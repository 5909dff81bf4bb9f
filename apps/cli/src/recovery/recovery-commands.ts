/** `holdfast rebuild` and `holdfast adopt`: the stores of a stopped server. Loaded when they are called. */
import type { ExitCode } from '#libs/kernel';
import type { Command } from 'commander';
import type { AdoptCommandOptions } from './adopt.js';
import type { RebuildCommandOptions } from './rebuild.js';

/** Added to `program`, whose way of ending it takes over. */
export function addRecoveryCommands(program: Command): void {
  program
    .command('rebuild')
    .description(
      'Say what a new primary can be made of, and with --yes make it: in an empty place, from any one replica.',
    )
    .requiredOption('--from <store>', 'the name of a replica of REPLICAS, or where a store is: a path, or s3://…')
    .option('--complete', 'take also the files that only other replicas have')
    .option('--yes', 'do it')
    .option('--json', 'print one JSON object and nothing else')
    .action(async (options: RebuildCommandOptions) => end(await (await import('./rebuild.js')).rebuild(options)));
  program
    .command('adopt')
    .description(
      'Say what stands at the place of a replica, and with --yes take it: an emptied place, or a store that returns.',
    )
    .argument('<replica>', 'its name in REPLICAS')
    .option('--yes', 'do it')
    .option('--json', 'print one JSON object and nothing else')
    .action(async (name: string, options: AdoptCommandOptions) =>
      end(await (await import('./adopt.js')).adopt(name, options)),
    );
}

function end(code: ExitCode): void {
  process.exitCode = code;
}
