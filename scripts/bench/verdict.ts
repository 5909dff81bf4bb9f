/** From the figures of a cell's rounds to its line in the table. Pure. */
import type { Bar, Cell } from './cell.js';
import { ratiosOf, spreadOf } from './statistics.js';
import type { Spread } from './statistics.js';

export interface Samples {
  readonly subject: readonly number[];
  /** One for each of the subject's; undefined where the cell has no reference. */
  readonly reference?: readonly number[] | undefined;
}

interface CellFacts {
  readonly name: string;
  readonly unit: string;
  readonly bar?: Bar | undefined;
}

export type Verdict = 'ok' | 'BELOW';

export interface MeasuredCell extends CellFacts {
  readonly verdict: Verdict;
  readonly samples: Samples;
  readonly subject: Spread;
  readonly reference?: (Spread & { readonly name: string }) | undefined;
  readonly ratio?: Spread | undefined;
  readonly remarks: readonly string[];
}

/** `SKIPPED`: this machine lacks something. `FAILED`: there is no figure to trust, which is no better than a bad one. */
export interface UnmeasuredCell extends CellFacts {
  readonly verdict: 'SKIPPED' | 'FAILED';
  readonly reason: string;
}

export type CellResult = MeasuredCell | UnmeasuredCell;

export const isMeasured = (result: CellResult): result is MeasuredCell => 'samples' in result;

export function judge(
  { name, unit, bar, reference }: Pick<Cell, 'name' | 'unit' | 'bar' | 'reference'>,
  samples: Samples,
): MeasuredCell {
  const subject = spreadOf(samples.subject);
  const facts = { name, unit, bar, samples, subject, remarks: [] };
  if (reference === undefined || samples.reference === undefined) {
    if (bar?.of === 'ratio') throw new Error(`${name}: a ratio needs a reference`);
    return { ...facts, verdict: holdsAgainst(bar, subject.median) };
  }
  const ratio = spreadOf(ratiosOf({ subject: samples.subject, reference: samples.reference }));
  return {
    ...facts,
    reference: { name: reference.name, ...spreadOf(samples.reference) },
    ratio,
    verdict: holdsAgainst(bar, bar?.of === 'ratio' ? ratio.median : subject.median),
  };
}

/** A figure that is no number is under every bar. */
function holdsAgainst(bar: Bar | undefined, actual: number): Verdict {
  if (bar === undefined) return 'ok';
  const { limit, value } = bar;
  const holds = limit === 'at least' ? actual >= value : actual <= value;
  return holds ? 'ok' : 'BELOW';
}

/** What the command exits with: 1 where a cell is under its bar or could not be measured although it should. */
export function exitCodeOf(results: readonly CellResult[]): 0 | 1 {
  return results.every(({ verdict }) => verdict === 'ok' || verdict === 'SKIPPED') ? 0 : 1;
}
