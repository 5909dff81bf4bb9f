/**
 * A cell: one figure of the table, how it is measured, and the bar it has to reach. Where it has a reference, both are
 * measured in every round, one after the other, so that a noisy moment of the machine hurts both alike.
 */

/** Gives the figure of one round, in the cell's unit. Throws where the measurement itself cannot be trusted. */
export type Measure = (round: number) => Promise<number>;

export type Limit = 'at least' | 'at most';

/** What is compared: the median of the figures, or the median of the rounds' ratios to the reference. */
export type Bar =
  | { readonly of: 'value'; readonly limit: Limit; readonly value: number }
  | { readonly of: 'ratio'; readonly limit: Limit; readonly value: number };

export interface Reference {
  readonly name: string;
  readonly measure: Measure;
}

export interface Cell {
  readonly name: string;
  /** Such as `/s`, `s` or `MiB`. */
  readonly unit: string;
  /** Without one the figure is only told: it is always ok. */
  readonly bar?: Bar | undefined;
  readonly measure: Measure;
  /** Must be there where the bar is a ratio. */
  readonly reference?: Reference;
  /** Why it cannot be measured on this machine, or undefined where it can. */
  readonly missing?: () => string | undefined;
  /** Room on the disk that all its rounds take together. Most of it is not given back before the run has ended. */
  readonly diskBytes: number;
  /** At most so many rounds, where one takes minutes. */
  readonly maxRounds?: number;
  /** Runs once before the first round, outside every measurement. */
  readonly prepare?: () => Promise<void>;
  /** Runs once after the last round: sentences to print below the table. */
  readonly remarks?: () => Promise<readonly string[]>;
  /** Runs at the very end, whatever happened: ends what `prepare` has started. */
  readonly finish?: () => Promise<void>;
}

export const ratioAtLeast = (value: number): Bar => ({ of: 'ratio', limit: 'at least', value });
export const ratioAtMost = (value: number): Bar => ({ of: 'ratio', limit: 'at most', value });
export const valueAtLeast = (value: number): Bar => ({ of: 'value', limit: 'at least', value });
export const valueAtMost = (value: number): Bar => ({ of: 'value', limit: 'at most', value });
