import { describe, expect, it } from 'vitest';
import { bannedWords } from './word-rules.js';

function lines(path: string, text: string): Array<number | undefined> {
  return bannedWords({ path, text }, new Set()).map(({ line }) => line);
}

describe('bannedWords', () => {
  it.each([
    ['a note in a source', 'libs/wal/src/a.ts', 'f();\n// TODO: later', [2]],
    ['a note in a page', 'README.md', 'FIXME', [1]],
    ['a note in the container file', 'Dockerfile', '# XXX', [1]],
    ['a test alone', 'test/a.test.ts', `it.only('a', f);`, [1]],
    ['a list alone, concurrent', 'test/a.test.ts', `describe.concurrent.only('a', f);`, [1]],
    ['a list switched off', 'test/a.test.ts', `describe.skip('a', f);`, [1]],
    ['a test to be written', 'test/a.test.ts', `test.todo('a');`, [1]],
    ['a way round a cycle', 'apps/api/src/a.ts', 'inject(forwardRef(() => A));', [1]],
    ['a way round the wiring', 'apps/api/src/a.ts', `import { ModuleRef } from 'nest';`, [1]],
  ])('reports %s', (_fault, path, text, expected) => {
    expect(lines(path, text)).toEqual(expected);
  });

  it.each([
    ['a condition with a name', 'test/a.test.ts', `it.skipIf(!hasStrace)('a', f);`],
    ['a word that only contains one', 'libs/wal/src/a.ts', 'const METHODO = 1; stream.skip(3); onlyOnce();'],
    ['a page that names what code may not', 'docs/adr/0001.md', 'We use no forwardRef and no it.only.'],
  ])('lets pass %s', (_case, path, text) => {
    expect(lines(path, text)).toEqual([]);
  });
});
