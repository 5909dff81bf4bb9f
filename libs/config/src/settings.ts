/**
 * Settings come from the environment, are read once at the start and never change: `parseSettings` is the only reader,
 * and everything else is handed the values it needs. A wrong value refuses the start, because a server that runs with a
 * setting its operator did not mean stores files where or how nobody expects.
 */

import path from 'node:path';
import { StoreError } from '#libs/kernel';
import { brokenRules } from './settings-rules.js';
import { SETTING_FIELDS, SETTINGS_TABLE, type SettingRow, type Settings } from './settings-table.js';
import { refused, type Parsed } from './value-kind.js';

type Environment = Readonly<Record<string, string | undefined>>;

interface WrongSetting {
  readonly name: string;
  readonly message: string;
}

/**
 * The settings, deeply frozen, with every path absolute. `packageRoot` is the absolute path that relative ones start
 * from. Throws `StoreError('setting_invalid')` with one line for each wrong setting; its context has the first one's
 * name as `setting` and all of them, comma-separated, as `settings`.
 */
export function parseSettings(environment: Environment, packageRoot: string): Settings {
  if (!path.isAbsolute(packageRoot)) throw new TypeError(`the package root must be absolute, not ${packageRoot}`);
  const values: Partial<Record<keyof Settings, unknown>> = {};
  const wrong: WrongSetting[] = [];
  for (const field of SETTING_FIELDS) {
    const row = SETTINGS_TABLE[field];
    const parsed = parseRow(row, environment, packageRoot);
    if ('value' in parsed) values[field] = parsed.value;
    else wrong.push({ name: row.name, message: refusal([row], environment, parsed.problem) });
  }
  // Each value was made by its own field's kind; the loop over all fields is what the compiler cannot follow.
  const settings = values as Partial<Settings>;
  for (const { fields, problem, advice } of brokenRules(settings)) {
    const rows = fields.map((field) => SETTINGS_TABLE[field]);
    wrong.push({ name: rows[0]?.name ?? '', message: refusal(rows, environment, problem, advice) });
  }
  if (wrong.length > 0) throw wrongSettings(wrong);
  return deepFreeze(settings as Settings);
}

function parseRow(row: SettingRow<unknown>, environment: Environment, packageRoot: string): Parsed<unknown> {
  const text = environment[row.name];
  if (text === '' && row.empty !== 'allowed') return refused('is empty; leave the variable out for the default');
  return row.kind.parse(text ?? row.default, packageRoot);
}

function refusal(
  rows: readonly SettingRow<unknown>[],
  environment: Environment,
  problem: string,
  advice: string = example(rows),
): string {
  const assignments = rows.map((row) => `${row.name}=${shownValue(row, environment[row.name] ?? row.default)}`);
  return `${assignments.join(' with ')}: ${problem}; ${advice}`;
}

const example = (rows: readonly SettingRow<unknown>[]): string =>
  `for example ${rows.map((row) => `${row.name}=${row.example ?? row.default}`).join(' ')}`;

/** A value of this length is a mistake of another kind, and a log line should not carry it. */
const MAX_SHOWN_LENGTH = 200;

/** Addresses of databases and buckets carry passwords and keys, and options do too: none of that is shown. */
function shownValue(row: SettingRow<unknown>, text: string): string {
  if (row.conceal === 'all') return '(not shown)';
  if (row.conceal === 'behind_scheme' && !text.startsWith('sqlite:')) return `${/^[a-z0-9]*:/i.exec(text)?.[0] ?? ''}…`;
  const printable = text.replace(/(:\/\/|\?).+$/s, '$1…').replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '\u{FFFD}');
  return printable.length <= MAX_SHOWN_LENGTH ? printable : `${printable.slice(0, MAX_SHOWN_LENGTH)}…`;
}

function wrongSettings(wrong: readonly WrongSetting[]): StoreError {
  const names = [...new Set(wrong.map(({ name }) => name))];
  return new StoreError('setting_invalid', wrong.map(({ message }) => message).join('\n'), {
    context: { setting: names[0] ?? '', settings: names.join(',') },
  });
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) for (const part of Object.values(value)) deepFreeze(part);
  return Object.freeze(value);
}
