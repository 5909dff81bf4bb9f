import { describe, expect, it } from 'vitest';
import { ratioAtLeast, valueAtLeast, valueAtMost } from './cell.js';
import type { MachineFacts } from './machine.js';
import { figure, renderJson, renderTable } from './report.js';
import { judge } from './verdict.js';
import type { CellResult } from './verdict.js';

const files = { name: 'plain files', measure: () => Promise.resolve(0) };

const results: readonly CellResult[] = [
  {
    ...judge(
      { name: 'PUT', unit: '/s', bar: ratioAtLeast(1.2), reference: files },
      { subject: [5000, 6000, 5500], reference: [5000, 5000, 5000] },
    ),
    remarks: ['the ceiling is 40,000/s'],
  },
  judge({ name: 'boot', unit: 's', bar: valueAtMost(2) }, { subject: [1.25, 1.5, 1.4] }),
  judge({ name: 'lag', unit: 's' }, { subject: [3] }),
  {
    name: 'barriers',
    unit: 'records',
    bar: valueAtLeast(8),
    verdict: 'SKIPPED',
    reason: 'strace is not installed',
  },
];

describe('the table', () => {
  it('shows medians, spreads, ratio, bar and verdict, then remarks and reasons', () => {
    expect(renderTable(results).split('\n')).toEqual([
      '| cell     | unit    | median | (min to max)   | reference         | (min to max)   | ratio | (min to max) | bar                |         |',
      '| -------- | ------- | ------ | -------------- | ----------------- | -------------- | ----- | ------------ | ------------------ | ------- |',
      '| PUT      | /s      | 5,500  | 5,000 to 6,000 | plain files 5,000 | 5,000 to 5,000 | 1.1   | 1 to 1.2     | ratio at least 1.2 | BELOW   |',
      '| boot     | s       | 1.4    | 1.25 to 1.5    | -                 | -              | -     | -            | at most 2          | ok      |',
      '| lag      | s       | 3      | 3 to 3         | -                 | -              | -     | -            | no bar             | ok      |',
      '| barriers | records | -      | -              | -                 | -              | -     | -            | at least 8         | SKIPPED |',
      '',
      'PUT: the ceiling is 40,000/s',
      'barriers: SKIPPED, strace is not installed',
    ]);
  });
});

it.each([
  [0.0567, '0.06'],
  [1.2, '1.2'],
  [12.345, '12.3'],
  [1234.5, '1,235'],
  [Number.POSITIVE_INFINITY, 'Infinity'],
])('the figure %d reads %s', (value, text) => {
  expect(figure(value)).toBe(text);
});

it('the JSON has every sample, so that a spread can be looked into later', () => {
  const machine = { cpus: 2 } as MachineFacts;
  const text = renderJson({ startedAt: '2030-01-01T00:00:00Z', machine, rounds: 3, seconds: 5, results });
  expect(JSON.parse(text)).toEqual({
    started_at: '2030-01-01T00:00:00Z',
    machine: { cpus: 2 },
    rounds: 3,
    seconds: 5,
    cells: [
      {
        name: 'PUT',
        unit: '/s',
        bar: { of: 'ratio', limit: 'at least', value: 1.2 },
        verdict: 'BELOW',
        median: 5500,
        min: 5000,
        max: 6000,
        samples: [5000, 6000, 5500],
        reference: { name: 'plain files', median: 5000, min: 5000, max: 5000, samples: [5000, 5000, 5000] },
        ratio: { median: 1.1, min: 1, max: 1.2 },
        remarks: ['the ceiling is 40,000/s'],
      },
      {
        name: 'boot',
        unit: 's',
        bar: { of: 'value', limit: 'at most', value: 2 },
        verdict: 'ok',
        median: 1.4,
        min: 1.25,
        max: 1.5,
        samples: [1.25, 1.5, 1.4],
        remarks: [],
      },
      {
        name: 'lag',
        unit: 's',
        bar: null,
        verdict: 'ok',
        median: 3,
        min: 3,
        max: 3,
        samples: [3],
        remarks: [],
      },
      {
        name: 'barriers',
        unit: 'records',
        bar: { of: 'value', limit: 'at least', value: 8 },
        verdict: 'SKIPPED',
        reason: 'strace is not installed',
      },
    ],
  });
});
