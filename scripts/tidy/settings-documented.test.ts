// The settings are documented by the table that also parses them, so the README cannot promise another default.
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { renderSettingsTable } from '#libs/config';

it('README.md holds the table of settings as it is', async () => {
  const page = await readFile(resolve(import.meta.dirname, '../../README.md'), 'utf8');
  expect(page).toContain(renderSettingsTable());
});
