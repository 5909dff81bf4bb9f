/** `holdfast put|get|ls|stat|rm|undelete|import|export`: the files of a running server. One file a verb, loaded when it is called. */
import type { ExitCode } from '#libs/kernel';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { interruptible } from '../interruption.js';

const MAX_PARALLEL = 64;
const DEFAULT_PARALLEL = 4;

/** Runs a verb; its signal is aborted by Ctrl-C. */
type Verb<Options> = (words: string[], options: Options, signal: AbortSignal) => Promise<ExitCode>;

/** Added to `program`, whose way of ending it takes over. */
export function addFileCommands(program: Command): void {
  withParallel(verb(program, 'put', async () => (await import('./put.js')).putFiles))
    .description('Store files, all files of a directory, or what comes on stdin (-). 4 where something was skipped.')
    .argument('<path...>', 'files and directories; - for stdin, which needs --name')
    .option('--name <name>', 'name to store under: of the one file, or what stands for the name of the one directory')
    .option('--type <type>', 'content type of all of them');
  verb(program, 'get', async () => (await import('./get.js')).getFile)
    .description('Fetch a file. What an earlier run left of it is gone on with; the SHA-256 is verified.')
    .argument('<file>', 'its file_id, or its name where only one has that')
    .option('-o, --output <path>', 'file or directory to write to; - for stdout')
    .option('--force', 'replace another file that stands there');
  verb(program, 'ls', async () => (await import('./ls.js')).listFiles)
    .description('List files by name.')
    .option('--prefix <prefix>', 'only names that begin so')
    .option('--long', 'with size, time and SHA-256');
  verb(program, 'stat', async () => (await import('./stat.js')).statFiles)
    .description('Say what is known of files.')
    .argument('<file...>', 'file_id, or a name that only one has');
  verb(program, 'rm', async () => (await import('./rm.js')).removeFiles)
    .description('Delete files, durably.')
    .argument('<file...>', 'file_id, or a name that only one has');
  verb(program, 'undelete', async () => (await import('./undelete.js')).undeleteFiles)
    .description(
      'Bring deleted files back under new ids, while GC_GRACE lasts; wants the admin key where there is one.',
    )
    .argument('<file_id...>', 'ids of deleted files');
  withParallel(verb(program, 'import', async () => (await import('./import.js')).importDirectory))
    .description(
      'Store every file of a directory under its path from there; run again, go on. 4 where something was skipped.',
    )
    .argument('<directory>')
    .option('--journal <path>', 'what is done, outside the directory (beside it: .<directory>.holdfast-import.jsonl)')
    .option('--checksum', 'read files again whose size and time have not changed');
  withParallel(verb(program, 'export', async () => (await import('./export.js')).exportFiles))
    .description('Write every file below a directory, verified; run again, go on. 4 where another file is in the way.')
    .argument('<directory>')
    .option('--prefix <prefix>', 'only files whose names begin so');
}

export function verb<Options>(program: Command, name: string, load: () => Promise<Verb<Options>>): Command {
  return program
    .command(name)
    .option('--url <url>', 'where the server is (HOLDFAST_URL; http://127.0.0.1:8080)')
    .option('--json', 'print one JSON object and nothing else')
    .action(async (...given: unknown[]) => {
      const command = given.at(-1) as Command;
      const run = await load();
      process.exitCode = await interruptible((signal) => run(command.args, command.opts() as Options, signal));
    });
}

function withParallel(command: Command): Command {
  return command.option('--parallel <n>', 'files transferred at a time', parseParallel, DEFAULT_PARALLEL);
}

function parseParallel(text: string): number {
  const value = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > MAX_PARALLEL) throw new InvalidArgumentError(`it is from 1 to ${MAX_PARALLEL}.`);
  return value;
}
