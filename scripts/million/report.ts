/** The table that is printed, from what the JSON has. Pure. */
import type { MachineFacts } from '../bench/machine.js';
import { median } from '../bench/statistics.js';
import type { LoadedFigures, QuietFigures } from './measurement.js';
import { PASSES } from './passes.js';
import type { PassName } from './passes.js';

export interface MillionReport {
  readonly machine: MachineFacts;
  /** Filled; what the load has put is beside them. */
  readonly files: number;
  /** Undefined where the files were there already. */
  readonly filled_per_second: number | undefined;
  readonly quiet: Readonly<Record<PassName, QuietFigures>>;
  readonly loaded: Readonly<Record<PassName, LoadedFigures>>;
}

const COLUMNS = [
  'pass',
  'objects',
  'objects/s alone',
  'MiB start, peak, end',
  'PUT/s alone',
  'PUT/s meanwhile',
  'ratio',
  'objects/s meanwhile',
  'MiB start, peak, end',
];

export function renderReport({ files, filled_per_second: filled, quiet, loaded }: MillionReport): string {
  const rows = PASSES.map((pass) => rowOf(pass, quiet[pass], loaded[pass]));
  const lines = [COLUMNS, COLUMNS.map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |`);
  const filling = filled === undefined ? 'that were there' : `filled at ${figure(filled)} files/s`;
  return [`${figure(files)} files, ${filling}; PUTs of 4 KiB over 32 connections`, '', ...lines].join('\n');
}

function rowOf(pass: PassName, quiet: QuietFigures, loaded: LoadedFigures): string[] {
  const { put_alone_per_second: alone, put_meanwhile_per_second: meanwhile, ratio } = loaded;
  return [
    pass,
    figure(quiet.objects),
    figure(quiet.objects_per_second),
    memoryOf(quiet),
    figure(median(alone)),
    meanwhile.length === 0 ? 'it ended within the first window' : figure(median(meanwhile)),
    ratio === undefined ? '-' : ratio.toFixed(2),
    figure(loaded.objects_per_second),
    memoryOf(loaded),
  ];
}

function memoryOf({ memory }: Pick<QuietFigures, 'memory'>): string {
  return [memory.start_mib, memory.peak_mib, memory.end_mib].map((mebibytes) => figure(mebibytes)).join(', ');
}

const figure = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 0 });
