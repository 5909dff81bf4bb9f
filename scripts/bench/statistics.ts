/** What is said of repeated measurements: the median, and how far apart they lie. Pure. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Of an even count, the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('the median of nothing');
  const ascending = values.toSorted((one, other) => one - other);
  const upper = Math.floor(ascending.length / 2);
  const lower = Math.floor((ascending.length - 1) / 2);
  return (ascending[lower]! + ascending[upper]!) / 2;
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Round by round: what the machine was doing in one round is then in both halves of that round's ratio. */
export function ratiosOf({ subject, reference }: Record<'subject' | 'reference', readonly number[]>): number[] {
  if (subject.length !== reference.length) throw new RangeError('a round lacks its other half');
  return subject.map((value, index) => value / reference[index]!);
}
