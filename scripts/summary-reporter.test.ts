// Runs the real test runner on small trees and holds the last line against what happened there.
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const HEAD = `import { afterAll, beforeAll, describe, expect, it } from 'vitest';\n`;
const PASSES = `it('passes', () => { expect(1).toBe(1); });\n`;

const FAULTS = {
  'a test that fails': `${PASSES}it('fails', () => { expect(1).toBe(2); });`,
  'a file that cannot be loaded': `${PASSES}throw new Error('load');`,
  'a file that cannot be parsed': `${PASSES}const = 1;`,
  'a file without tests': 'export {};',
  'a file hook that throws': `${PASSES}afterAll(() => { throw new Error('hook'); });`,
  'a list hook that throws': `describe('a', () => { ${PASSES} afterAll(() => { throw new Error('hook'); }); });`,
};
const SKIPS = `it.skipIf(true)('skips', () => {});\nit('skips itself', ({ skip }) => skip());\n`;
const LOOSE_ERROR = `beforeAll(() => { void Promise.reject(new Error('loose')); });\n`;

/** One run each, because the runner takes most of a second to start. */
const CASES: Array<[what: string, files: string[], line: string, exitCode: number]> = [
  ['passed and skipped', [PASSES, PASSES + SKIPS], '2 passed, 0 failed, 2 skipped', 0],
  // Only three of the files run their passing test; the other two fall before it.
  [`each once: ${Object.keys(FAULTS).join(', ')}`, Object.values(FAULTS), '3 passed, 6 failed, 0 skipped', 1],
  ['an error outside any test', [PASSES + LOOSE_ERROR], '1 passed, 1 failed, 0 skipped', 1],
  ['all skipped', [SKIPS], '0 passed, 1 failed, 2 skipped', 1],
  ['no test file at all', [], '0 passed, 1 failed, 0 skipped', 1],
];

const trees: string[] = [];

afterAll(() => {
  for (const tree of trees) rmSync(tree, { recursive: true, force: true });
});

function makeTree(files: string[]): string {
  const tree = mkdtempSync(join(tmpdir(), 'summary-'));
  trees.push(tree);
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  const reporter = JSON.stringify(join(ROOT, 'scripts/summary-reporter.js'));
  const config = `import { SummaryReporter } from ${reporter};
    export default { test: { reporters: ['default', new SummaryReporter()], include: ['*.test.ts'] } };`;
  writeFileSync(join(tree, 'package.json'), '{"type": "module"}');
  writeFileSync(join(tree, 'vitest.config.ts'), config);
  files.forEach((text, index) => writeFileSync(join(tree, `${index}.test.ts`), HEAD + text));
  return tree;
}

function run(tree: string, environment: Record<string, string> = {}): Promise<{ exitCode: number; lastLine: string }> {
  const inherited = { ...process.env };
  // This test runs under the runner that it runs.
  for (const name of Object.keys(inherited)) if (/^(VITEST|TEST_)/.test(name)) delete inherited[name];
  const options = { cwd: tree, env: { ...inherited, ...environment } };
  return new Promise((done) => {
    const args = [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run'];
    const child = execFile(process.execPath, args, options, (_error, stdout) => {
      done({ exitCode: child.exitCode ?? -1, lastLine: stdout.trimEnd().split('\n').at(-1) ?? '' });
    });
  });
}

describe('the last line', { timeout: 60_000 }, () => {
  it.each(CASES)('%s', async (_what, files, line, exitCode) => {
    expect(await run(makeTree(files))).toEqual({ exitCode, lastLine: line });
  });

  it('goes to a file where the checks still count in', async () => {
    const tree = makeTree([PASSES]);
    const countsFile = join(tree, 'counts.json');
    const { lastLine } = await run(tree, { TEST_COUNTS_FILE: countsFile });
    expect(lastLine).not.toContain('skipped');
    expect(JSON.parse(readFileSync(countsFile, 'utf8'))).toEqual({ passed: 1, failed: 0, skipped: 0 });
  });
});
