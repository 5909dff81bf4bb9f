// Shows that the linter runs with types and with our rules: one fixture holds every fault once, another holds none.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
const later = `export async function later(): Promise<number> { return Promise.resolve(1); }\n`;

/** The file, its text, and the rules that it must be reported for. */
const CASES: Array<[path: string, text: string, ...rules: string[]]> = [
  ['libs/a/later.ts', later],
  ['libs/a/floating.ts', `import { later } from './later.js';\nlater();`, 'no-floating-promises'],
  [
    'libs/a/misused.ts',
    `import { later } from './later.js';\n[1].forEach(async () => { await later(); });`,
    'no-misused-promises',
  ],
  ['libs/a/awaited.ts', `export const a = await process.pid;`, 'await-thenable'],
  ['libs/a/any.ts', `export const a: any = 1;`, 'no-explicit-any'],
  ['libs/a/unused.ts', `const a = 1;\nexport {};`, 'no-unused-vars'],
  ['libs/a/unused-on-purpose.ts', `export const a = (_unused: number): number => 1;`],
  ['libs/a/thrown.ts', `throw 'text';`, 'only-throw-error'],
  ['libs/a/equal.ts', `export const a = (b: number): boolean => b == 1;`, 'eqeqeq'],
  ['libs/a/swallowed.ts', `try { process.stdin.read(); } catch {}`, 'no-empty'],
  [
    'libs/a/returned.ts',
    `import { later } from './later.js';\nexport async function f(): Promise<number> { try { return later(); } catch { return 2; } }`,
    'return-await',
  ],
  [
    'libs/a/switched.ts',
    `export function f(a: 'x' | 'y'): void { switch (a) { case 'x': f('y'); } }`,
    'switch-exhaustiveness-check',
  ],
  [
    'libs/a/switched-default.ts',
    `export function f(a: 'x' | 'y'): void { switch (a) { case 'x': f('y'); break; default: } }`,
  ],
  ['libs/a/plain.ts', `import { readFileSync } from 'fs';\nreadFileSync('a');`, 'prefer-node-protocol'],
  [
    'libs/a/typed.ts',
    `import { Stats } from 'node:fs';\nexport const f = (a: Stats): number => a.size;`,
    'consistent-type-imports',
  ],
  ['apps/a/typed.ts', `import { Stats } from 'node:fs';\nexport const f = (a: Stats): number => a.size;`],
  [
    'libs/a/only.test.ts',
    `import { expect, it } from 'vitest';\nit.only('a', () => { expect(1).toBe(1); });`,
    'no-focused-tests',
  ],
  [
    'libs/a/skip.test.ts',
    `import { expect, it } from 'vitest';\nit.skip('a', () => { expect(1).toBe(1); });`,
    'no-disabled-tests',
  ],
  [
    'libs/a/when.test.ts',
    `import { expect, it } from 'vitest';\nit.skipIf(process.pid > 1)('a', () => { expect(1).toBe(1); });`,
  ],
  ['libs/a/idle.test.ts', `import { it } from 'vitest';\nit('a', () => { process.pid.toString(); });`, 'expect-expect'],
];

let tree: string;
let reported: Map<string, string[]>;

interface Diagnostic {
  /** `plugin(rule)`. */
  code: string;
  filename: string;
}

function lint(): Promise<Diagnostic[]> {
  const args = [join(ROOT, 'node_modules/oxlint/bin/oxlint'), '--type-aware', '--format', 'json', 'apps', 'libs'];
  return new Promise((done, fail) => {
    execFile(process.execPath, args, { cwd: tree, maxBuffer: 64 * 1024 * 1024 }, (_error, stdout, stderr) => {
      if (stdout.startsWith('{')) done((JSON.parse(stdout) as { diagnostics: Diagnostic[] }).diagnostics);
      else fail(new Error(`oxlint printed no report: ${stdout}${stderr}`));
    });
  });
}

beforeAll(async () => {
  tree = mkdtempSync(join(tmpdir(), 'lint-rules-'));
  for (const name of ['.oxlintrc.json', 'tsconfig.json']) cpSync(join(ROOT, name), join(tree, name));
  writeFileSync(join(tree, 'package.json'), '{"type": "module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(tree, 'node_modules'));
  for (const [path, text] of CASES) {
    mkdirSync(dirname(join(tree, path)), { recursive: true });
    writeFileSync(join(tree, path), text);
  }
  reported = new Map(CASES.map(([path]) => [path, []]));
  for (const { filename, code } of await lint()) {
    reported.set(filename, [...(reported.get(filename) ?? []), code.replace(/^.*\((.*)\)$/, '$1')]);
  }
}, 60_000);

afterAll(() => {
  rmSync(tree, { recursive: true, force: true });
});

describe('the linter', () => {
  it.each(CASES)('%s', (path, _text, ...rules) => {
    expect(reported.get(path)).toEqual(rules);
  });
});
