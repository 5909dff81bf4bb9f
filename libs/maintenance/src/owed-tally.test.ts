import { newFileId } from '#libs/kernel';
import type { StoreId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { Findings } from './findings.js';
import { OwedTally } from './owed-tally.js';
import type { Finding } from './pass.js';

const STORE = '5704e000-0000-4000-8000-000000000001' as StoreId;

const missing = (count: number): Finding[] =>
  Array.from({ length: count }, (_, index) => ({
    storeId: STORE,
    key: { kind: 'manifest', id: newFileId(index + 1) },
    kind: 'missing',
    action: 'owed',
    reason: 'it is missing',
  }));

const EACH = { isDone: (): boolean => true, left: 'nothing' } as const;

describe('what a repair has mended', () => {
  it('is what was owed and has not come up again', () => {
    const tally = new OwedTally();
    const [one, two, three] = missing(3) as [Finding, Finding, Finding];
    tally.beginRound();
    tally.add(2, [one, two]);
    expect(tally.mended(EACH)).toBe(2);
    tally.beginRound();
    tally.add(2, [two, three]);
    expect(tally.mended(EACH)).toBe(2);
    tally.beginRound();
    expect(tally.mended(EACH)).toBe(3);
  });

  it('is not what is not done', () => {
    const tally = new OwedTally();
    const owed = missing(4);
    tally.beginRound();
    tally.add(4, owed);
    tally.beginRound();
    const isDone = (finding: Finding): boolean => finding !== owed[0];
    expect(tally.mended({ isDone, left: 'nothing' })).toBe(3);
    tally.add(1, [owed[0]!]);
    expect(tally.mended({ isDone, left: 'nothing' })).toBe(3);
    expect(tally.mended({ isDone, left: 'some' })).toBe(3);
  });

  it('counts also what is beyond the first thousand that have names', () => {
    const tally = new OwedTally();
    tally.beginRound();
    tally.add(50_000, missing(1_000));
    tally.beginRound();
    expect(tally.mended(EACH)).toBe(50_000);
  });

  it('is of those without names nothing as long as anything is left', () => {
    const tally = new OwedTally();
    tally.beginRound();
    tally.add(50_000, missing(1_000));
    tally.beginRound();
    expect(tally.mended({ ...EACH, left: 'some' })).toBe(1_000);
    expect(tally.mended({ isDone: () => false, left: 'some' })).toBe(0);
  });
});

describe('what a repair has found', () => {
  it('counts once what comes up in two rounds, and all that has no name', () => {
    const findings = new Findings();
    const [one, two] = missing(2) as [Finding, Finding];
    findings.addAll({ found: { missing: 5_000 }, findings: [one] });
    findings.addAll({ found: { missing: 2 }, findings: [one, two] });
    expect([findings.found, findings.findings]).toEqual([{ missing: 5_001 }, [one, two]]);
  });
});
