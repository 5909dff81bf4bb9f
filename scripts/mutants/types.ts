// Mutants must be programs: one that does not even compile tests nothing. Checked many at a time, one a file, because a
// compiler run costs as much for one broken file as for all.
import { readFile, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { ROOT, runProgram } from '../run-program.js';
import { type Mutant, mutate } from './mutant.js';

/** What is left over when code is taken away (unused imports, parameters, unreachable code) does no harm. */
const HARMLESS = new Set(['TS6133', 'TS6138', 'TS6192', 'TS6196', 'TS6198', 'TS7027']);
const ERROR_LINE = /^(.+?)\(\d+,\d+\): error (TS\d+): (.*)$/;

/** The first compiler error of each mutant that has one. */
export async function typeErrors(root: string, mutants: readonly Mutant[]): Promise<Map<Mutant, string>> {
  const found = new Map<Mutant, string>();
  const known = new Set((await compilerErrors(root)).map(({ line }) => line));
  let waiting = [...mutants];
  while (waiting.length > 0) {
    const round = new Map<string, Mutant>();
    for (const mutant of waiting) if (!round.has(mutant.file)) round.set(mutant.file, mutant);
    waiting = waiting.filter((mutant) => round.get(mutant.file) !== mutant);
    const sources = new Map<string, string>();
    for (const [file, mutant] of round) {
      const source = await readFile(join(root, file), 'utf8');
      sources.set(file, source);
      await writeFile(join(root, file), mutate(source, mutant));
    }
    for (const { file, line } of await compilerErrors(root)) {
      const mutant = round.get(file);
      if (mutant !== undefined && !known.has(line) && !found.has(mutant)) found.set(mutant, line);
    }
    for (const [file, source] of sources) await writeFile(join(root, file), source);
  }
  return found;
}

async function compilerErrors(root: string): Promise<{ file: string; line: string }[]> {
  const { output } = await runProgram(['tsc', '--noEmit', '--pretty', 'false', '-p', root], { output: 'captured' });
  return output.split('\n').flatMap((line) => {
    const [, file = '', code = ''] = ERROR_LINE.exec(line) ?? [];
    if (file === '' || HARMLESS.has(code)) return [];
    // The compiler names files as seen from where it runs.
    const inTree = relative(root, resolve(ROOT, file));
    // Without the place, which a mutant moves.
    return [{ file: inTree, line: line.replace(/^.*?\(\d+,\d+\)/, inTree) }];
  });
}
