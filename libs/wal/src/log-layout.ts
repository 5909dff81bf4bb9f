/** Where a log keeps its files: `segments/<first LSN, 20 digits>.wal`, what was set aside in `torn/`. */
import { lsn } from '#libs/kernel';
import type { Lsn } from '#libs/kernel';
import { join } from 'node:path';

const SEGMENT_NAME = /^(\d{20})\.wal$/;
/** Half-made segments end in this; nothing of value is ever under such a name. */
const TEMPORARY_SUFFIX = '.tmp';

export interface LogLayout {
  readonly root: string;
  readonly segments: string;
  readonly torn: string;
}

export function logLayout(walPath: string): LogLayout {
  return { root: walPath, segments: join(walPath, 'segments'), torn: join(walPath, 'torn') };
}

export function segmentName(firstLsn: Lsn): string {
  return `${String(firstLsn).padStart(20, '0')}.wal`;
}

/** The first LSN that a segment's name promises, or undefined where the name is no segment's. */
export function parseSegmentName(name: string): Lsn | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  if (digits === undefined) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) && value > 0 ? lsn(value) : undefined;
}

export function temporaryName(purpose: string): string {
  return `${purpose}${TEMPORARY_SUFFIX}`;
}

export function isTemporaryName(name: string): boolean {
  return name.endsWith(TEMPORARY_SUFFIX);
}
