/**
 * `npm run bench`: builds, starts the real server on temporary directories, and measures it against references on the same
 * disk in the same run. Exits 0 where every cell reaches its bar, 1 where one is BELOW or FAILED, 2 on a wrong argument.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { runProgram } from '../run-program.js';
import { parseBenchArguments, USAGE, UsageError } from './arguments.js';
import type { BenchArguments } from './arguments.js';
import { allCells } from './cells/all-cells.js';
import { generatorName } from './load.js';
import { machineFacts, renderMachine } from './machine.js';
import { killAll } from './processes.js';
import { renderJson, renderTable } from './report.js';
import { lackOfRoom } from './room.js';
import { runCell } from './run-cell.js';
import { exitCodeOf } from './verdict.js';
import type { CellResult } from './verdict.js';
import { Workspace } from './workspace.js';

async function main(): Promise<number> {
  const options = parseBenchArguments(process.argv.slice(2), process.env['INIT_CWD'] ?? process.cwd());
  await mkdir(options.directory, { recursive: true });
  const built = await runProgram(['tsc', '-p', 'tsconfig.build.json'], { output: 'inherited' });
  if (built.exitCode !== 0) throw new Error('the build failed');
  return measure(options);
}

async function measure(options: BenchArguments): Promise<number> {
  const startedAt = new Date().toISOString();
  const machine = await machineFacts(options.directory, generatorName());
  console.log(`${renderMachine(machine)}\n`);
  const workspace = await Workspace.make(options.directory);
  const cleanUp = (): void => {
    killAll();
    workspace.remove();
  };
  process.once('exit', cleanUp);
  const cells = allCells({ workspace, rounds: options.rounds, seconds: options.seconds }).filter(({ name }) =>
    name.includes(options.only),
  );
  if (cells.length === 0) throw new UsageError(`no cell has "${options.only}" in its name`);
  const results: CellResult[] = [];
  for (const cell of cells) {
    const lack = await lackOfRoom(options.directory, cell);
    const missing = (): string | undefined => cell.missing?.() ?? lack;
    results.push(await runCell({ ...cell, missing }, { rounds: options.rounds, say: console.error }));
  }
  console.log(`\n${renderTable(results)}`);
  const { rounds, seconds, jsonPath } = options;
  if (jsonPath !== undefined) await writeFile(jsonPath, renderJson({ startedAt, machine, rounds, seconds, results }));
  return exitCodeOf(results);
}

// The exit handler ends the processes and removes the directories; without these a signal would end us past it.
for (const [signal, number] of [
  ['SIGINT', 2],
  ['SIGTERM', 15],
  ['SIGHUP', 1],
] as const)
  process.once(signal, () => process.exit(128 + number));

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  console.error(`bench: ${error.message}\n${USAGE}`);
  process.exitCode = 2;
}
