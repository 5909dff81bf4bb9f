// Whether the list of mutants still fits the sources. A mutant that changes nothing would survive, or be killed, for no
// reason; so a list that is out of date is an error, here and in `npm test`.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ROOT } from '../run-program.js';
import type { Mutant } from './mutant.js';

/** Why the mutant is none of this source, or undefined. */
export function staleness(
  source: string | undefined,
  { file, find, replace }: Pick<Mutant, 'file' | 'find' | 'replace'>,
): string | undefined {
  if (source === undefined) return `${file} is gone`;
  const count = source.split(find).length - 1;
  if (count !== 1) return `its text stands ${count} times in ${file}`;
  return find === replace ? 'it changes nothing' : undefined;
}

/** One line for every fault of the list. */
export async function staleOnes(mutants: readonly Mutant[]): Promise<string[]> {
  const lines: string[] = [];
  const names = new Set<string>();
  for (const mutant of mutants) {
    const reason = staleness(await readOrUndefined(mutant.file), mutant);
    if (reason !== undefined) lines.push(`${mutant.name}: ${reason}`);
    if (names.has(mutant.name)) lines.push(`${mutant.name}: the name is taken`);
    names.add(mutant.name);
    for (const test of mutant.tests) {
      if ((await readOrUndefined(test)) === undefined) lines.push(`${mutant.name}: ${test} is gone`);
    }
  }
  return lines;
}

async function readOrUndefined(path: string): Promise<string | undefined> {
  return readFile(join(ROOT, path), 'utf8').catch(() => undefined);
}
