// `ERRORS.md` is part of the contract with callers: a code that it does not explain, or that no longer exists, is a fault.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ERROR_CODES } from '#libs/kernel';

const PAGE = resolve(import.meta.dirname, '../../ERRORS.md');

/** The codes in backticks in the first column of the tables of a page. */
function documentedCodes(page: string): string[] {
  return [...page.matchAll(/^\|\s*`([a-z0-9_]+)`\s*\|/gm)].map((match) => match[1] ?? '');
}

it('finds codes in the first column and nowhere else', () => {
  const page = '| code | status |\n|---|---|\n| `one` | `two` |\n|`three`| 4 |\n\nAnd `five`.';
  expect(documentedCodes(page)).toEqual(['one', 'three']);
});

it('ERRORS.md explains every error code once, and no other', async () => {
  const documented = documentedCodes(await readFile(PAGE, 'utf8'));
  expect(documented.toSorted()).toEqual(Object.keys(ERROR_CODES).toSorted());
});
