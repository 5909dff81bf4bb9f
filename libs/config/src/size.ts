/** Sizes in bytes. Only binary units: `MB` means 10^6 to one reader and 2^20 to the next. */

import { formatQuantity, quantityBetween, quantityFrom, type Unit } from './quantity.js';
import type { ValueKind } from './value-kind.js';

export const KIB = 1024;
export const MIB = 1024 * KIB;
export const GIB = 1024 * MIB;

const UNITS: readonly Unit[] = [
  { suffix: 'B', factor: 1 },
  { suffix: 'KiB', factor: KIB },
  { suffix: 'MiB', factor: MIB },
  { suffix: 'GiB', factor: GIB },
];

const RULE = { what: 'a size', units: UNITS };

/** The value is in bytes, both bounds are allowed. */
export function sizeBetween(smallestBytes: number, largestBytes: number): ValueKind<number> {
  return quantityBetween(smallestBytes, largestBytes, RULE);
}

/** For sizes that only the machine limits. */
export function sizeFrom(smallestBytes: number): ValueKind<number> {
  return quantityFrom(smallestBytes, RULE);
}

export function formatSize(bytes: number): string {
  return formatQuantity(bytes, UNITS);
}
