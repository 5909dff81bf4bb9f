/**
 * What the end of a log means. Pure: facts in, verdict out; the table is the code.
 *
 * Durable evidence D is the highest LSN that something has proven synced. `bad` is the LSN that the first bad frame would
 * have. What was synced and acknowledged lies at or below D or is whole; only what a cut of power may have left behind is
 * torn, and only that is ever set aside without a person.
 *
 *   | the rest is zero | bad ≤ D | end mark there, no zero sector, checksum differs | verdict |
 *   |------------------|---------|--------------------------------------------------|---------|
 *   | yes              | no      |                                                  | end     |
 *   | yes              | yes     |                                                  | corrupt |
 *   | no               | yes     |                                                  | corrupt |
 *   | no               | no      | yes: every byte reached the disk, then changed   | corrupt |
 *   | no               | no      | no                                               | torn    |
 */
import type { Lsn } from '#libs/kernel';
import type { TailFacts } from './segment-scan.js';

export type TailVerdict = 'end' | 'torn' | 'corrupt';

export function tailVerdict(badLsn: Lsn, durableEvidence: Lsn, tail: TailFacts): TailVerdict {
  if (badLsn <= durableEvidence) return 'corrupt';
  if (tail.allZero) return 'end';
  const wholeButChanged = tail.reason === 'checksum' && tail.endMarkPresent && !tail.hasZeroSector;
  return wholeButChanged ? 'corrupt' : 'torn';
}
