import { describe, expect, it } from 'vitest';
import { ratioAtLeast, valueAtLeast } from './cell.js';
import type { Cell } from './cell.js';
import { runCell } from './run-cell.js';
import { isMeasured } from './verdict.js';

const options = { rounds: 3, say: () => undefined };

/** A cell that writes down in which order it is asked. */
function recordedCell(): { readonly cell: Cell; readonly order: string[] } {
  const order: string[] = [];
  const step = (name: string, value: number) => (round: number) => {
    order.push(`${name}${round}`);
    return Promise.resolve(value * round);
  };
  const cell = {
    name: 'cell',
    unit: '/s',
    bar: ratioAtLeast(2),
    diskBytes: 0,
    prepare: async () => void order.push('prepare'),
    measure: step('subject', 10),
    reference: { name: 'other', measure: step('reference', 5) },
    remarks: async () => [order.push('remarks') > 0 ? 'a remark' : ''],
  };
  return { cell, order };
}

describe('a cell', () => {
  it('measures subject and reference in turn, so that a noisy minute is in both', async () => {
    const { cell, order } = recordedCell();
    const result = await runCell(cell, options);
    expect(order).toEqual([
      'prepare',
      'subject1',
      'reference1',
      'subject2',
      'reference2',
      'subject3',
      'reference3',
      'remarks',
    ]);
    expect(result).toMatchObject({
      verdict: 'ok',
      samples: { subject: [10, 20, 30], reference: [5, 10, 15] },
      ratio: { median: 2 },
      remarks: ['a remark'],
    });
  });

  it('whose program is missing is skipped with the reason and never measured', async () => {
    const { cell, order } = recordedCell();
    const result = await runCell({ ...cell, missing: () => 'strace is not installed' }, options);
    expect(result).toMatchObject({ verdict: 'SKIPPED', reason: 'strace is not installed' });
    expect(order).toEqual([]);
  });

  it.each<[string, Partial<Cell>]>([
    ['its preparation', { prepare: () => Promise.reject(new Error('it broke')) }],
    ['a round', { measure: (round) => (round < 2 ? Promise.resolve(1) : Promise.reject(new Error('it broke'))) }],
    ['its reference', { reference: { name: 'other', measure: () => Promise.reject(new Error('it broke')) } }],
    ['its remarks', { remarks: () => Promise.reject(new Error('it broke')) }],
  ])('that breaks in %s fails with the reason and has no figures', async (_, broken) => {
    const result = await runCell({ ...recordedCell().cell, ...broken }, options);
    expect(result).toMatchObject({ verdict: 'FAILED', reason: 'it broke' });
    expect(isMeasured(result)).toBe(false);
  });

  it('without a reference has neither its figures nor a ratio', async () => {
    const cell: Cell = {
      name: 'cell',
      unit: 's',
      bar: valueAtLeast(1),
      diskBytes: 0,
      measure: () => Promise.resolve(1),
    };
    const result = await runCell(cell, options);
    expect(result).toMatchObject({ verdict: 'ok', samples: { subject: [1, 1, 1] } });
    expect(result).not.toHaveProperty('ratio');
  });
});
