// Each rule is shown an untidy file that it must report and a tidy one that it must not.
import { describe, expect, it } from 'vitest';
import { RULES, untidiness } from './rules.js';

const lines = (count: number, line = 'f();'): string => `${line}\n`.repeat(count);
const functionOf = (count: number, head: string, tail = '}'): string => `${head}\n${lines(count - 2)}${tail}\n`;

type Case = [fault: string, path: string, text: string, rules: string[]];

const CASES: Case[] = [
  ['a source of 401 lines', 'libs/wal/src/long.ts', lines(401), ['file-length']],
  ['a source of 400 lines', 'libs/wal/src/long.ts', lines(400), []],
  ['a long page', 'docs/long.md', lines(500, 'word'), []],
  ['a barrel of 31 lines', 'libs/wal/src/index.ts', lines(31, `export * from './a.js';`), ['file-length']],
  ['a barrel of 30 lines', 'libs/wal/src/index.ts', lines(30, `export * from './a.js';`), []],
  ['a barrel that declares', 'libs/wal/src/index.ts', 'export const a = 1;', ['barrels-only-re-export']],
  ['a barrel that imports', 'libs/wal/src/index.ts', `import './a.js';`, ['barrels-only-re-export']],
  ['a barrel that exports its own', 'libs/wal/src/index.ts', 'export {};', ['barrels-only-re-export']],
  ['a barrel of types', 'libs/wal/src/index.ts', `export type { A } from './a.js';`, []],
  ['a declaration in another file', 'libs/wal/src/a.ts', 'export const a = 1;', []],
  ['a function of 71 lines', 'libs/wal/src/a.ts', functionOf(71, 'function f() {'), ['function-length']],
  ['a function of 70 lines', 'libs/wal/src/a.ts', functionOf(70, 'function f() {'), []],
  ['an arrow of 71 lines', 'libs/wal/src/a.ts', functionOf(71, 'const a = () => {'), ['function-length']],
  ['a method of 71 lines', 'libs/wal/src/a.ts', `class A {\n${functionOf(71, 'm() {')}}`, ['function-length']],
  ['a test of 71 lines', 'libs/wal/src/a.test.ts', functionOf(71, `it('a', () => {`, '});'), ['function-length']],
  ['a describe of 90 lines', 'libs/wal/src/a.test.ts', functionOf(90, `describe('a', () => {`, '});'), []],
  ['a describe.each of 90 lines', 'a.test.ts', functionOf(90, `describe.each([1])('a', () => {`, '});'), []],
  [
    'a contract suite with a describe of 90 lines',
    'libs/stores/testing/src/contract.ts',
    `function contract() {\n${functionOf(90, `describe('a', () => {`, '});')}}`,
    [],
  ],
  [
    'a contract suite of two tests with 60 lines each',
    'libs/stores/testing/src/contract.ts',
    `function contract() {\n${functionOf(60, `it('a', () => {`, '});').repeat(2)}}`,
    [],
  ],
  ['a folder named utils', 'libs/wal/src/utils/a.ts', '', ['plain-names']],
  ['a file named helpers', 'libs/wal/src/helpers.ts', '', ['plain-names']],
  ['a file named test-utils', 'libs/wal/src/test-utils.ts', '', ['plain-names']],
  ['a file named common', 'test/Common.test.ts', '', ['plain-names']],
  ['a word that only begins so', 'libs/wal/src/commonplace.ts', '', []],
  ['build output in a library', 'libs/wal/dist/index.js', '', ['no-build-output']],
  ['JavaScript beside its source', 'libs/wal/src/present.js', '', ['no-build-output']],
  ['declarations beside their source', 'libs/wal/src/present.d.ts', '', ['no-build-output']],
  ['a hand-written declaration', 'libs/wal/src/other.d.ts', '', []],
  ['a dead link', 'README.md', 'See [there](docs/gone.md).', ['links-lead-somewhere']],
  ['a dead link, relative to its page', 'docs/page.md', '[x](docs/present.md#part)', ['links-lead-somewhere']],
  ['a dead reference', 'README.md', '[there]: ./gone.md', ['links-lead-somewhere']],
  ['a dead picture', 'README.md', '![x](gone.png)', ['links-lead-somewhere']],
  ['a dead path in backticks', 'docs/page.md', 'See `libs/gone/src`.', ['links-lead-somewhere']],
  ['live links', 'docs/page.md', '[a](present.md#part) [b](../libs/wal) [c](https://x.y/z) [d](#here)', []],
  ['a live link with code for its name', 'README.md', '[`a`](docs/present.md)', []],
  ['a live path in backticks', 'docs/page.md', 'See `libs/wal/src/present.ts`.', []],
  ['a path in a fence', 'README.md', '```\n[x](gone.md)\n```', []],
];

const PRESENT = ['docs/present.md', 'libs/wal/src/present.ts'];

function broken(path: string, text: string): string[] {
  return untidiness({ files: [{ path, text }], paths: new Set([...PRESENT, path]) }).map(({ rule }) => rule);
}

describe('tidy', () => {
  it.each(CASES)('%s', (_fault, path, text, rules) => {
    expect(broken(path, text)).toEqual(rules);
  });

  it('has a fault for every rule but the one on words, which has its own test', () => {
    const shown = new Set(CASES.flatMap(([, , , rules]) => rules));
    expect(Object.keys(RULES).filter((rule) => !shown.has(rule))).toEqual(['banned-words']);
  });
});
