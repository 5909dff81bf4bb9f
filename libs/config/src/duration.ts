/** Durations in milliseconds. There is no unit above the day: months and years have no fixed length. */

import { formatQuantity, quantityBetween, type Unit } from './quantity.js';
import type { ValueKind } from './value-kind.js';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
export const DAY_MS = 24 * HOUR_MS;

const UNITS: readonly Unit[] = [
  { suffix: 'ms', factor: 1 },
  { suffix: 's', factor: SECOND_MS },
  { suffix: 'm', factor: MINUTE_MS },
  { suffix: 'h', factor: HOUR_MS },
  { suffix: 'd', factor: DAY_MS },
];

/** The value is in milliseconds, both bounds are allowed. */
export function durationBetween(smallestMs: number, largestMs: number): ValueKind<number> {
  return quantityBetween(smallestMs, largestMs, { what: 'a duration', units: UNITS });
}

export function formatDuration(milliseconds: number): string {
  return formatQuantity(milliseconds, UNITS);
}
