// Everything that can be said about the sources without running them. All steps run, so that one call names every fault.
import { runProgram } from './run-program.js';

// The same as in `npm run format`. Only the two folders at the root hold data: `libs/wal` is source.
const UNFORMATTED = ['!data/**', '!wal/**', '!package-lock.json'];

type Step = readonly [name: string, command: string[]];

const FORMAT = ['prettier', '--check', '--log-level', 'warn', '--ignore-path', '.gitignore', '.', ...UNFORMATTED];

/** Side by side, because the first has one thread and takes as long as all others, which have several. */
const LANES: readonly (readonly Step[])[] = [
  [['format', FORMAT]],
  [
    ['runtime', ['node', 'scripts/check-runtime.mjs']],
    ['types', ['tsc', '--noEmit']],
    ['lint', ['oxlint', '--type-aware', '--deny-warnings', '--report-unused-disable-directives']],
    ['floor plan', ['depcruise', '--config', '.dependency-cruiser.mjs', 'apps', 'libs', 'scripts', 'test']],
    ['tidy', [process.execPath, ...process.execArgv, 'scripts/tidy/main.ts']],
  ],
];

let failedSteps = 0;

async function runStep([name, command]: Step): Promise<void> {
  const startedAt = performance.now();
  const { exitCode, output } = await runProgram(command, { output: 'captured' });
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  console.log(`${exitCode === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
  if (exitCode === 0) return;
  failedSteps += 1;
  console.log(`${output.trimEnd()}\n`);
}

await Promise.all(
  LANES.map(async (lane) => {
    for (const step of lane) await runStep(step);
  }),
);
if (failedSteps > 0) {
  console.error(`check: ${failedSteps} of ${LANES.flat().length} steps failed`);
  process.exitCode = 1;
}
