/** The table that is printed and the JSON that is written, from the same results. Pure. */
import type { Bar } from './cell.js';
import type { MachineFacts } from './machine.js';
import type { Spread } from './statistics.js';
import { isMeasured } from './verdict.js';
import type { CellResult } from './verdict.js';

const COLUMNS = ['cell', 'unit', 'median', '(min to max)', 'reference', '(min to max)', 'ratio', '(min to max)', 'bar'];
const ABSENT = '-';

/** A table in Markdown, then remarks, and the reasons of what was not measured. */
export function renderTable(results: readonly CellResult[]): string {
  const rows = [[...COLUMNS, ''], ...results.map(rowOf)];
  const widths = rows[0]!.map((_, column) => Math.max(3, ...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) => `| ${row.map((text, column) => text.padEnd(widths[column]!)).join(' | ')} |`);
  lines.splice(1, 0, `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`);
  const notes = results.flatMap(notesOf);
  return [...lines, ...(notes.length === 0 ? [] : ['', ...notes])].join('\n');
}

function rowOf(result: CellResult): string[] {
  const { name, unit, bar, verdict } = result;
  if (!isMeasured(result)) return [name, unit, ...Array<string>(6).fill(ABSENT), barText(bar), verdict];
  const { subject, reference, ratio } = result;
  const [referenceMedian, referenceSpread] = columnsOf(reference);
  const referenceText = reference === undefined ? ABSENT : `${reference.name} ${referenceMedian}`;
  return [
    name,
    unit,
    ...columnsOf(subject),
    referenceText,
    referenceSpread,
    ...columnsOf(ratio),
    barText(bar),
    verdict,
  ];
}

function columnsOf(spread: Spread | undefined): [string, string] {
  if (spread === undefined) return [ABSENT, ABSENT];
  return [figure(spread.median), `${figure(spread.min)} to ${figure(spread.max)}`];
}

function notesOf(result: CellResult): string[] {
  if (!isMeasured(result)) return [`${result.name}: ${result.verdict}, ${result.reason}`];
  return result.remarks.map((remark) => `${result.name}: ${remark}`);
}

function barText(bar: Bar | undefined): string {
  if (bar === undefined) return 'no bar';
  const { of, limit, value } = bar;
  return `${of === 'ratio' ? 'ratio ' : ''}${limit} ${figure(value)}`;
}

/** Three digits where a figure is small; never in exponents. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: 0, maximumFractionDigits: digits });
}

export interface Run {
  readonly startedAt: string;
  readonly machine: MachineFacts;
  readonly rounds: number;
  readonly seconds: number;
  readonly results: readonly CellResult[];
}

export function renderJson({ startedAt, machine, rounds, seconds, results }: Run): string {
  const cells = results.map((result) => {
    const { name, unit, bar, verdict } = result;
    const facts = { name, unit, bar: bar ?? null, verdict };
    if (!isMeasured(result)) return { ...facts, reason: result.reason };
    const { subject, reference, ratio, samples, remarks } = result;
    return {
      ...facts,
      ...subject,
      samples: samples.subject,
      ...referenceJson(reference, samples.reference),
      ratio,
      remarks,
    };
  });
  return `${JSON.stringify({ started_at: startedAt, machine, rounds, seconds, cells }, undefined, 2)}\n`;
}

function referenceJson(reference: object | undefined, samples: readonly number[] | undefined): object {
  return reference === undefined ? {} : { reference: { ...reference, samples } };
}
