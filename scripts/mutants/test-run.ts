// Runs test files in a workspace and says which test failed first, if any.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';

/** How vitest says that a test ran into its own limit. */
const TEST_TIMED_OUT = /^Error: (Test|Hook) timed out in/;
/** The mutant is no program any more: nothing was tested. */
const BROKEN_PROGRAM = /^ReferenceError\b/;

export type TestVerdict =
  | { readonly kind: 'passed' }
  | { readonly kind: 'failed'; readonly by: string }
  | { readonly kind: 'timed_out'; readonly by: string }
  /** The run itself went wrong: a file did not load, an error belonged to no test. */
  | { readonly kind: 'broken'; readonly why: string };

export interface TestRun {
  /** The copy of the tree. */
  readonly root: string;
  readonly files: readonly string[];
  /** Only tests whose names match; all where left out. */
  readonly testNames?: string | undefined;
  /** Where the result is written meanwhile. */
  readonly resultFile: string;
  /** Test files that may run at once. */
  readonly workers: number;
  /** Far above what the run takes: it only ends what would never end. */
  readonly timeLimitMs: number;
}

interface VitestResult {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly ancestorTitles: readonly string[];
      readonly title: string;
      readonly status: string;
      readonly failureMessages: readonly string[] | null;
    }[];
  }[];
}

const running = new Set<number>();

/** Ends every run under way, with all its processes. */
export function endTestRuns(): void {
  for (const pid of running) endGroup(pid);
}

export async function runTests({
  root,
  files,
  testNames,
  resultFile,
  workers,
  timeLimitMs,
}: TestRun): Promise<TestVerdict> {
  await rm(resultFile, { force: true });
  const { ended, output } = await runVitest(root, timeLimitMs, [
    'run',
    ...files,
    ...(testNames === undefined ? [] : ['-t', testNames]),
    '--bail=1',
    `--maxWorkers=${workers}`,
    '--reporter=json',
    `--outputFile=${resultFile}`,
  ]);
  if (ended === 'by_time_limit') return { kind: 'timed_out', by: `${files.join(', ')}: no end` };
  try {
    return verdictOf(JSON.parse(await readFile(resultFile, 'utf8')) as VitestResult, { root, ended, output });
  } catch {
    return { kind: 'broken', why: output.trim() };
  }
}

interface Ending {
  readonly root: string;
  readonly ended: 'well' | 'badly';
  readonly output: string;
}

function verdictOf({ testResults }: VitestResult, { root, ended, output }: Ending): TestVerdict {
  for (const { name, status, message, assertionResults } of testResults) {
    const failed = assertionResults.find((result) => result.status === 'failed');
    const file = relative(root, name);
    if (failed === undefined) {
      if (status === 'failed') return { kind: 'broken', why: `${file} did not run: ${message}` };
      continue;
    }
    const by = `${file} › ${[...failed.ancestorTitles, failed.title].join(' › ')}`;
    const [why = ''] = failed.failureMessages ?? [];
    if (BROKEN_PROGRAM.test(why)) return { kind: 'broken', why: `${by}: ${why}` };
    return { kind: TEST_TIMED_OUT.test(why) ? 'timed_out' : 'failed', by };
  }
  if (ended === 'badly') return { kind: 'broken', why: `no test failed, and yet: ${output.trim()}` };
  return { kind: 'passed' };
}

async function runVitest(
  root: string,
  timeLimitMs: number,
  args: readonly string[],
): Promise<{ ended: 'well' | 'badly' | 'by_time_limit'; output: string }> {
  // A group of its own, so that the workers of a run that hangs end with it.
  const child = spawn(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  const parts: Buffer[] = [];
  child.stdout.on('data', (part: Buffer) => parts.push(part));
  child.stderr.on('data', (part: Buffer) => parts.push(part));
  const { pid } = child;
  if (pid !== undefined) running.add(pid);
  let isOverdue = false;
  const timer = setTimeout(() => {
    isOverdue = true;
    if (pid !== undefined) endGroup(pid);
  }, timeLimitMs);
  const exitCode = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  clearTimeout(timer);
  if (pid !== undefined) running.delete(pid);
  const ended = isOverdue ? 'by_time_limit' : exitCode === 0 ? 'well' : 'badly';
  return { ended, output: Buffer.concat(parts).toString() };
}

function endGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
