/** Writes the table of settings into README.md: `npm run docs:settings`, after a change of the settings. */
import { readFile, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { renderSettingsTable } from '#libs/config';

const README = resolve(import.meta.dirname, '../README.md');
const TABLE = /\| Setting [\s\S]*?\n(?=\n)/;

const page = await readFile(README, 'utf8');
if (!TABLE.test(page)) throw new Error('README.md has no table of settings');
await writeFile(README, page.replace(TABLE, renderSettingsTable()));
