/** Query parameters, each read once and refused by name where it is not what the route expects. */
import { StoreError } from '#libs/kernel';

export type Query = Readonly<Record<string, unknown>>;

/** The parameter's text, or undefined where it is absent. Throws `invalid_request` where it is given twice. */
export function queryText(query: Query, parameter: string): string | undefined {
  const value = Object.hasOwn(query, parameter) ? query[parameter] : undefined;
  if (value === undefined || typeof value === 'string') return value;
  throw invalidParameter(parameter, 'is given more than once');
}

export interface IntegerBounds {
  readonly min: number;
  readonly max: number;
  readonly default: number;
}

/** Throws `invalid_request` where the parameter is no decimal integer within the bounds. */
export function queryInteger(query: Query, parameter: string, bounds: IntegerBounds): number {
  const text = queryText(query, parameter);
  if (text === undefined) return bounds.default;
  const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= bounds.min && value <= bounds.max) return value;
  throw invalidParameter(parameter, `is not an integer from ${bounds.min} to ${bounds.max}`);
}

export function invalidParameter(parameter: string, problem: string): StoreError {
  return new StoreError('invalid_request', `The query parameter ${parameter} ${problem}.`, { context: { parameter } });
}
