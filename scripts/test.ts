// `npm test`: the checks, the build, then every test project. The last line printed is `N passed, N failed, N skipped`;
// a failed check or build counts as one failure there, so that the line and the exit code never disagree. Arguments are
// handed to vitest: `npm test -- libs/wal`.
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram } from './run-program.js';
import { type Counts, summaryLine } from './summary.js';

async function step(title: string, command: string[]): Promise<boolean> {
  console.log(`\n== ${title}`);
  const { exitCode, output } = await runProgram(command, { output: 'inherited' });
  if (exitCode !== 0) console.log(`${output}${title} failed`);
  return exitCode === 0;
}

async function runTests(): Promise<Counts> {
  console.log('\n== tests');
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  const countsFile = join(directory, 'counts.json');
  try {
    const { exitCode, output } = await runProgram(['vitest', 'run', ...process.argv.slice(2)], {
      output: 'inherited',
      environment: { TEST_COUNTS_FILE: countsFile },
    });
    if (output !== '') console.log(output);
    const counts = await readCounts(countsFile);
    if (exitCode !== 0 && counts.failed === 0) {
      console.log(`the test runner exited with ${exitCode} although no test failed`);
      counts.failed = 1;
    }
    return counts;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function readCounts(countsFile: string): Promise<Counts> {
  try {
    return JSON.parse(await readFile(countsFile, 'utf8')) as Counts;
  } catch (error) {
    console.log(`the test runner ended without a result: ${String(error)}`);
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

const checked = await step('check', [process.execPath, ...process.execArgv, 'scripts/check.ts']);
const built = await step('build', ['node', 'scripts/build.mjs']);
// Without a build the integration tests would judge the sources of some earlier day.
const counts = built ? await runTests() : { passed: 0, failed: 1, skipped: 0 };
if (!checked) counts.failed += 1;
if (counts.failed > 0) process.exitCode = 1;
console.log(`\n${summaryLine(counts)}`);
