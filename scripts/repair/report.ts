/** What a repair says at its end, in words. Pure. */
import { quoted, sizeText, table } from '#libs/terminal';
import type { DamagedFile, NamedObject, RepairResult } from './admin.js';
import { verdict } from './verdict.js';

/** Of each list; `--json` has a thousand. */
const MAX_LINES = 20;
const SHOWN_DIGITS = 16;

export function reportLines(result: RepairResult): string[] {
  return [
    ...foundLines(result),
    ...doneLines(result),
    ...couldNotLines(result),
    '',
    ...censusLines(result),
    '',
    ...differenceLines(result),
    verdict(result),
  ];
}

function foundLines({ found, findings, deep }: RepairResult): string[] {
  const counts = Object.entries(found).filter(([, count]) => count > 0);
  const depth = deep ? 'everything was read' : 'names and sizes were compared; --deep reads everything';
  if (counts.length === 0) return [`found: nothing (${depth})`];
  const told = counts.map(([kind, count]) => `${count} ${kind}`).join(', ');
  return [`found: ${told} (${depth})`, ...objectLines(findings, ({ finding }) => finding)];
}

function doneLines({ dry_run: isDryRun, mended, files_done: filesDone }: RepairResult): string[] {
  if (isDryRun) return ['done: nothing, as asked (--dry-run)'];
  return [`done: ${mended} objects mended, ${filesDone} files copied, read or deleted for it`];
}

function couldNotLines({ could_not: couldNot, left, findings, failures, damaged = [] }: RepairResult): string[] {
  const reported = findings.filter(({ action }) => action === 'reported');
  if (left === 0 && reported.length === 0 && failures.length === 0 && damaged.length === 0) return [];
  return [
    'could not:',
    ...bounded(damaged.map(damagedLine), damaged.length),
    ...failures.map(({ store, error }) => `  ${store}: ${error}`),
    ...bounded(
      couldNot.map(({ store, file_id: fileId, operation, error }) => `  ${store}: ${operation} of ${fileId}: ${error}`),
      left,
    ),
    ...objectLines(reported, () => 'left as it is'),
  ];
}

function damagedLine({ file_id: fileId, file_name: fileName, kind, id }: DamagedFile): string {
  const part = kind === 'chunk' ? `chunk ${id}` : 'manifest';
  return `  damaged: ${fileId} ${quoted(fileName)}: no store that can be asked has its ${part} whole`;
}

function censusLines({ censuses }: RepairResult): string[] {
  const rows = censuses.map((census) => [
    census.store,
    census.manifests,
    census.tombstones,
    census.chunks,
    sizeText(census.bytes),
    census.unreferenced_chunks,
    census.digest.slice(0, SHOWN_DIGITS),
  ]);
  return table(['store', 'manifests', 'tombstones', 'chunks', 'size', 'garbage', 'digest'], rows);
}

function differenceLines({ differences, differing, in_motion: inMotion }: RepairResult): string[] {
  const moving = inMotion === 0 ? [] : [`${inMotion} objects are on their way and were not judged`];
  if (differing === 0) return moving;
  return [
    `${differing} objects differ:`,
    ...objectLines(differences, ({ difference }) => difference, differing),
    ...moving,
  ];
}

function objectLines<More>(
  objects: readonly NamedObject<More>[],
  what: (object: NamedObject<More>) => string,
  count = objects.length,
): string[] {
  return bounded(
    objects.map((object) => `  ${object.store}: ${what(object)}: ${object.kind} ${object.id}: ${object.reason}`),
    count,
  );
}

function bounded(lines: readonly string[], count: number): string[] {
  if (count <= MAX_LINES) return [...lines];
  return [...lines.slice(0, MAX_LINES), `  … and ${count - MAX_LINES} more`];
}
