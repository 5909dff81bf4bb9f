import { lsn } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import type { TailFacts } from './segment-scan.js';
import { tailVerdict } from './tail-verdict.js';
import type { TailVerdict } from './tail-verdict.js';

const WHOLE: TailFacts = {
  offsetBytes: 1000,
  reason: 'checksum',
  expected: 1,
  actual: 2,
  allZero: false,
  endMarkPresent: true,
  hasZeroSector: false,
  lastWrittenBytes: 1400,
};
const UNWRITTEN: TailFacts = {
  ...WHOLE,
  reason: 'zeros',
  allZero: true,
  endMarkPresent: false,
  lastWrittenBytes: 1000,
};

const CASES: readonly [string, number, TailFacts, TailVerdict][] = [
  ['nothing was ever written there', 9, UNWRITTEN, 'end'],
  ['nothing stands where a durable record was', 10, UNWRITTEN, 'corrupt'],
  ['a bad frame stands where a durable record was', 10, { ...WHOLE, endMarkPresent: false }, 'corrupt'],
  ['the last frame was whole and its bytes changed', 9, WHOLE, 'corrupt'],
  ['the frame has no end mark', 9, { ...WHOLE, endMarkPresent: false }, 'torn'],
  ['the frame has its end mark but a sector is missing', 9, { ...WHOLE, hasZeroSector: true }, 'torn'],
  ['the frame is cut at the end of the file', 9, { ...WHOLE, reason: 'short', endMarkPresent: false }, 'torn'],
  ['a frame of another place stands there', 9, { ...WHOLE, reason: 'break' }, 'torn'],
];

describe('the end of a log', () => {
  it.each(CASES)('%s', (_fault, durableEvidence, tail, verdict) => {
    expect(tailVerdict(lsn(10), lsn(durableEvidence), tail)).toBe(verdict);
  });
});
