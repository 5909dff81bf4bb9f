/**
 * A quantity with its unit, as one word: an integer and a suffix, nothing between. Bare numbers, fractions and spaces
 * are refused because each of them has been read in two ways by somebody (bytes or KiB, seconds or milliseconds).
 */

import { accepted, refused, type Parsed, type ValueKind } from './value-kind.js';

export interface Unit {
  readonly suffix: string;
  /** How many of the smallest unit one of these is. */
  readonly factor: number;
}

interface QuantityRule {
  /** What is measured, with its article: "a size". */
  readonly what: string;
  /** Smallest unit first; its factor is 1. */
  readonly units: readonly Unit[];
}

const suffixes = (units: readonly Unit[]): string => {
  const names = units.map((unit) => unit.suffix);
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
};

/** The value in the smallest unit, an integer below 2^53. */
function parseQuantity(text: string, rule: QuantityRule): Parsed<number> {
  const match = /^(0|[1-9]\d*)([A-Za-z]+)$/.exec(text);
  const unit = rule.units.find((candidate) => candidate.suffix === match?.[2]);
  if (match === null || unit === undefined)
    return refused(`is not ${rule.what}, which is an integer directly followed by ${suffixes(rule.units)}`);
  const value = Number(match[1]) * unit.factor;
  return Number.isSafeInteger(value) ? accepted(value) : refused('is beyond 2^53');
}

/** The shortest exact spelling: the inverse of `parseQuantity`. */
export function formatQuantity(value: number, units: readonly Unit[]): string {
  const whole = units.filter((unit) => value % unit.factor === 0 && (value !== 0 || unit.factor === 1));
  const unit = whole.at(-1);
  if (unit === undefined) throw new RangeError(`${value} is not a whole number of the smallest unit`);
  return `${value / unit.factor}${unit.suffix}`;
}

export function quantityBetween(smallest: number, largest: number, rule: QuantityRule): ValueKind<number> {
  const range = `from ${formatQuantity(smallest, rule.units)} to ${formatQuantity(largest, rule.units)}`;
  return quantityWithin(`${rule.what} ${range}`, rule, (value) => value >= smallest && value <= largest);
}

export function quantityFrom(smallest: number, rule: QuantityRule): ValueKind<number> {
  const range = `of at least ${formatQuantity(smallest, rule.units)}`;
  return quantityWithin(`${rule.what} ${range}`, rule, (value) => value >= smallest);
}

function quantityWithin(accepts: string, rule: QuantityRule, isWithin: (value: number) => boolean): ValueKind<number> {
  return {
    accepts,
    parse: (text) => {
      const parsed = parseQuantity(text, rule);
      return 'problem' in parsed || isWithin(parsed.value) ? parsed : refused(`is not ${accepts}`);
    },
  };
}
