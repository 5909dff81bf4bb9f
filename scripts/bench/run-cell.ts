/** Measures one cell: subject and reference in turn, round by round. */
import type { Cell } from './cell.js';
import { judge } from './verdict.js';
import type { CellResult, Samples } from './verdict.js';

export interface RunOptions {
  readonly rounds: number;
  /** Hears of every figure as it is made: a run takes minutes. */
  readonly say: (line: string) => void;
}

/** Never throws: a cell that cannot be measured is a result, and those behind it are measured all the same. */
export async function runCell(cell: Cell, options: RunOptions): Promise<CellResult> {
  const { name, unit, bar } = cell;
  const reason = cell.missing?.();
  if (reason !== undefined) return { name, unit, bar, verdict: 'SKIPPED', reason };
  try {
    await cell.prepare?.();
    const result = judge(cell, await measureRounds(cell, options));
    return { ...result, remarks: (await cell.remarks?.()) ?? [] };
  } catch (error) {
    return { name, unit, bar, verdict: 'FAILED', reason: error instanceof Error ? error.message : String(error) };
  } finally {
    await cell.finish?.();
  }
}

async function measureRounds(cell: Cell, options: RunOptions): Promise<Samples> {
  const { name, unit, measure, reference, maxRounds = options.rounds } = cell;
  const subject: number[] = [];
  const other: number[] = [];
  for (let round = 1; round <= Math.min(options.rounds, maxRounds); round += 1) {
    subject.push(await measure(round));
    if (reference !== undefined) other.push(await reference.measure(round));
    const against = reference === undefined ? '' : ` against ${other.at(-1)!.toFixed(2)}`;
    options.say(`${name}, round ${round}: ${subject.at(-1)!.toFixed(2)}${against} ${unit}`);
  }
  return reference === undefined ? { subject } : { subject, reference: other };
}
