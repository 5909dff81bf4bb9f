/**
 * `npm run measure:million`: builds, starts the real server with two replicas on a temporary directory, fills it with many
 * small files, and measures what scrub, anti-entropy and census do with them: objects per second, the resident memory of
 * the server, and how many 4 KiB PUTs it takes meanwhile beside how many it takes alone. Prints a table and JSON. A
 * million files take some 15 GiB, and more than an hour. The figures are of one machine and one moment: compare columns.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from './bench/arguments.js';
import { generatorName } from './bench/load.js';
import { machineFacts, renderMachine } from './bench/machine.js';
import { killAll } from './bench/processes.js';
import { Workspace } from './bench/workspace.js';
import { parseMillionArguments, USAGE } from './million/arguments.js';
import type { MillionArguments } from './million/arguments.js';
import { Measurement } from './million/measurement.js';
import type { LoadedFigures } from './million/measurement.js';
import { PASSES } from './million/passes.js';
import type { PassName } from './million/passes.js';
import { renderReport } from './million/report.js';
import type { MillionReport } from './million/report.js';
import { runProgram } from './run-program.js';

async function main(): Promise<void> {
  const options = parseMillionArguments(process.argv.slice(2), process.env['INIT_CWD'] ?? process.cwd());
  await mkdir(options.directory, { recursive: true });
  const built = await runProgram(['tsc', '-p', 'tsconfig.build.json'], { output: 'inherited' });
  if (built.exitCode !== 0) throw new Error('the build failed');
  const workspace = await Workspace.make(options.directory);
  process.once('exit', () => {
    killAll();
    if (options.afterwards === 'remove' || options.installation !== undefined) workspace.remove();
    else console.error(`kept: --installation ${installationOf(workspace, options)}`);
  });
  const report = await measured(workspace, options);
  const json = JSON.stringify(report, undefined, 2);
  console.log(`\n${renderReport(report)}\n\n${json}`);
  if (options.jsonPath !== undefined) await writeFile(options.jsonPath, `${json}\n`);
}

function installationOf(workspace: Workspace, { installation }: MillionArguments): string {
  return installation ?? join(workspace.path, 'installation');
}

async function measured(workspace: Workspace, options: MillionArguments): Promise<MillionReport> {
  const { files, seconds, rounds, directory } = options;
  const machine = await machineFacts(directory, generatorName());
  console.log(renderMachine(machine));
  const say = (text: string): void => console.error(`measure: ${text}`);
  const installation = installationOf(workspace, options);
  const measurement = new Measurement({ workspace, installation, seconds, rounds });
  let filled: number | undefined;
  if (options.installation === undefined) {
    say(`filling with ${files} files`);
    filled = await measurement.fill(files);
  }
  say('every pass alone');
  const quiet = await measurement.quiet();
  const loaded: Partial<Record<PassName, LoadedFigures>> = {};
  for (const pass of PASSES) {
    say(`uploads beside ${pass}`);
    loaded[pass] = await measurement.loaded(pass, quiet[pass].objects);
  }
  return { machine, files, filled_per_second: filled, quiet, loaded: loaded as Record<PassName, LoadedFigures> };
}

// The exit handler ends the processes and removes the directory; without these a signal would end us past it.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const)
  process.once(signal, () => process.exit(128 + number));

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`measure: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
