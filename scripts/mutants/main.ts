// `npm run test:mutants`: takes one rule at a time out of a copy of the tree and runs the tests that should notice. Every
// line says which test did. A rule that can be taken away unnoticed (SURVIVED), a mutant that is no program (INVALID) and
// a list that no longer fits the sources end the run with exit code 1.
//
//   npm run test:mutants -- [--only <part of a name or file>] [--json <file>]
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MUTANTS } from './list.js';
import type { Mutant } from './mutant.js';
import { staleOnes } from './staleness.js';
import { endTestRuns, runTests } from './test-run.js';
import type { TestVerdict } from './test-run.js';
import { typeErrors } from './types.js';
import { Workspace } from './workspace.js';

const WORKERS = 2;
/** A mutant's few test files take seconds, all of them together a minute. */
const MUTANT_LIMIT_MS = 120_000;
const BASELINE_LIMIT_MS = 900_000;

interface Outcome {
  readonly mutant: Mutant;
  readonly status: 'killed' | 'SURVIVED' | 'INVALID';
  /** The test that noticed, or why the mutant is invalid. */
  readonly by: string;
  readonly seconds: number;
}

const { values } = parseArgs({ options: { only: { type: 'string' }, json: { type: 'string' } } });
const only = values.only ?? '';
const mutants = MUTANTS.filter(({ name, file }) => name.includes(only) || file.includes(only));
process.exitCode = await run(mutants);

async function run(chosen: readonly Mutant[]): Promise<number> {
  const stale = await staleOnes(chosen);
  for (const line of stale) console.log(`STALE    ${line}`);
  if (chosen.length === 0) console.log(`no mutant has '${only}' in its name or file`);
  if (stale.length > 0 || chosen.length === 0) return 1;

  const directory = await mkdtemp(join(tmpdir(), 'holdfast-mutants-'));
  const stop = (): never => {
    endTestRuns();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await runIn(directory, chosen);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function runIn(directory: string, chosen: readonly Mutant[]): Promise<number> {
  const workspaces = await Promise.all(
    Array.from({ length: WORKERS }, (_, index) => Workspace.copyTo(join(directory, `${index}`))),
  );
  const baseline = await runBaseline(workspaces[0]!.path, chosen);
  if (baseline.kind !== 'passed') {
    console.log(`the tests do not pass without any mutant: ${JSON.stringify(baseline)}`);
    return 1;
  }
  const outcomes = invalidOnes(await typeErrors(workspaces[0]!.path, chosen));
  const waiting = chosen.filter((mutant) => !outcomes.some((outcome) => outcome.mutant === mutant));
  const work = async (workspace: Workspace): Promise<void> => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const outcome = await judge(mutant, workspace);
      console.log(lineOf(outcome));
      outcomes.push(outcome);
    }
  };
  await Promise.all(workspaces.map(work));
  return report(outcomes);
}

/** The tests that the mutants name, on the tree as it is: whole files, then of the slow ones what is asked for. */
async function runBaseline(root: string, chosen: readonly Mutant[]): Promise<TestVerdict> {
  const limits = { root, resultFile: `${root}.baseline.json`, workers: WORKERS, timeLimitMs: BASELINE_LIMIT_MS };
  const filesOf = (some: readonly Mutant[]): string[] => [...new Set(some.flatMap(({ tests }) => tests))];
  const whole = filesOf(chosen.filter(({ testNames }) => testNames === undefined));
  const named = chosen.filter(({ testNames }) => testNames !== undefined);
  const verdict: TestVerdict = whole.length === 0 ? { kind: 'passed' } : await runTests({ ...limits, files: whole });
  if (verdict.kind !== 'passed' || named.length === 0) return verdict;
  const testNames = named.map((mutant) => mutant.testNames).join('|');
  return runTests({ ...limits, files: filesOf(named), testNames });
}

async function judge(mutant: Mutant, workspace: Workspace): Promise<Outcome> {
  const startedAt = performance.now();
  const resultFile = `${workspace.path}.json`;
  const verdict = await workspace.withMutant(mutant, () =>
    runTests({
      root: workspace.path,
      files: mutant.tests,
      testNames: mutant.testNames,
      resultFile,
      workers: 1,
      timeLimitMs: MUTANT_LIMIT_MS,
    }),
  );
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  if (verdict.kind === 'passed') return { mutant, status: 'SURVIVED', by: '', seconds };
  if (verdict.kind === 'broken') return { mutant, status: 'INVALID', by: verdict.why, seconds };
  if (verdict.kind === 'timed_out' && mutant.hangs !== true) {
    return { mutant, status: 'INVALID', by: `it hangs and is not marked so: ${verdict.by}`, seconds };
  }
  return { mutant, status: 'killed', by: verdict.by, seconds };
}

function invalidOnes(errors: ReadonlyMap<Mutant, string>): Outcome[] {
  const outcomes = [...errors].map(([mutant, by]): Outcome => ({ mutant, status: 'INVALID', by, seconds: 0 }));
  for (const outcome of outcomes) console.log(lineOf(outcome));
  return outcomes;
}

function lineOf({ mutant: { name, file, letsThrough }, status, by }: Outcome): string {
  if (status === 'killed') return `killed   ${name}  by  ${by}`;
  return status === 'SURVIVED'
    ? `SURVIVED ${name}  (${file})  would let through: ${letsThrough}`
    : `INVALID  ${name}  (${file})  ${by}`;
}

async function report(outcomes: readonly Outcome[]): Promise<number> {
  if (values.json !== undefined) {
    const rows = outcomes.map(({ mutant, status, by, seconds }) => {
      const { name, file, letsThrough } = mutant;
      return { name, file, lets_through: letsThrough, status: status.toLowerCase(), by, seconds };
    });
    // npm changes the working directory; the caller's is in INIT_CWD.
    await writeFile(resolve(process.env['INIT_CWD'] ?? '.', values.json), `${JSON.stringify(rows, null, 2)}\n`);
  }
  const count = (status: Outcome['status']): number => outcomes.filter((outcome) => outcome.status === status).length;
  const [killed, survived, invalid] = [count('killed'), count('SURVIVED'), count('INVALID')];
  console.log(`\n${killed} killed, ${survived} survived, ${invalid} invalid`);
  return survived + invalid === 0 ? 0 : 1;
}
