/**
 * The settings as a Markdown table, for the README. Columns are padded the way the formatter pads them, so a formatted
 * README holds this text exactly and a test can compare the two.
 */

import { SETTING_FIELDS, SETTINGS_TABLE } from './settings-table.js';

const HEADER = ['Setting', 'Default', 'Accepts', 'What it is, and what changing it costs'];

/** Ends with a newline. */
export function renderSettingsTable(): string {
  const rows = SETTING_FIELDS.map((field) => {
    const { name, default: fallback, kind, doc } = SETTINGS_TABLE[field];
    return [`\`${name}\``, fallback === '' ? 'none' : `\`${fallback}\``, kind.accepts, doc];
  });
  const widths = HEADER.map((title, column) =>
    Math.max(...[HEADER, ...rows].map((row) => (row[column] ?? title).length)),
  );
  const line = (cells: readonly string[], filler: string): string =>
    `| ${widths.map((width, column) => (cells[column] ?? '').padEnd(width, filler)).join(' | ')} |\n`;
  return [line(HEADER, ' '), line([], '-'), ...rows.map((row) => line(row, ' '))].join('');
}
