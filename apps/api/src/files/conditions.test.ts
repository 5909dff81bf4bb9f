import { StoreError } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { evaluateConditions, rangeStillValid, validatorsOf } from './conditions.js';
import type { Conditions } from './conditions.js';

const NOW = Date.UTC(2026, 11, 1);
const FILE = validatorsOf({ sha256: 'ab12', createdAtMs: Date.UTC(2026, 10, 21, 4, 5, 6) + 789 });

const AT = 'Sat, 21 Nov 2026 04:05:06 GMT';
const BEFORE = 'Sat, 21 Nov 2026 04:05:05 GMT';
const AFTER = 'Sat, 21 Nov 2026 04:05:07 GMT';
const AT_RFC_850 = 'Saturday, 21-Nov-26 04:05:06 GMT';
const AT_ASCTIME = 'Sat Nov 21 04:05:06 2026';

function outcome(method: string, given: Partial<Conditions>): string {
  const none = { ifMatch: undefined, ifNoneMatch: undefined, ifModifiedSince: undefined, ifUnmodifiedSince: undefined };
  try {
    return evaluateConditions({ method, conditions: { ...none, ...given }, nowMs: NOW }, FILE);
  } catch (error) {
    return StoreError.is(error, 'precondition_failed') ? String(error.context['condition']) : String(error);
  }
}

const ALL = ['GET', 'HEAD', 'DELETE'];
const READS = ['GET', 'HEAD'];

const CASES: Array<[given: Partial<Conditions>, methods: string[], outcome: string]> = [
  [{}, ALL, 'holds'],
  // If-Match: strong comparison.
  [{ ifMatch: '"ab12"' }, ALL, 'holds'],
  [{ ifMatch: '"x", "ab12"' }, ALL, 'holds'],
  [{ ifMatch: '"ab12","x"' }, ALL, 'holds'],
  [{ ifMatch: ', ,"a,b" ,\t"ab12",' }, ALL, 'holds'],
  [{ ifMatch: '*' }, ALL, 'holds'],
  [{ ifMatch: ' * ' }, ALL, 'holds'],
  [{ ifMatch: 'W/"ab12"' }, ALL, 'If-Match'],
  [{ ifMatch: '"x"' }, ALL, 'If-Match'],
  [{ ifMatch: '"AB12"' }, ALL, 'If-Match'],
  [{ ifMatch: 'ab12' }, ALL, 'If-Match'],
  [{ ifMatch: '' }, ALL, 'If-Match'],
  [{ ifMatch: '"ab12" junk' }, ALL, 'If-Match'],
  [{ ifMatch: '"x", *' }, ALL, 'If-Match'],
  [{ ifMatch: '"ab12", junk' }, ALL, 'If-Match'],
  [{ ifMatch: '"x" "ab12"' }, ALL, 'If-Match'],
  // If-Unmodified-Since: only where there is no If-Match.
  [{ ifUnmodifiedSince: AT }, ALL, 'holds'],
  [{ ifUnmodifiedSince: AT_RFC_850 }, ALL, 'holds'],
  [{ ifUnmodifiedSince: AT_ASCTIME }, ALL, 'holds'],
  [{ ifUnmodifiedSince: AFTER }, ALL, 'holds'],
  [{ ifUnmodifiedSince: BEFORE }, ALL, 'If-Unmodified-Since'],
  [{ ifUnmodifiedSince: 'yesterday' }, ALL, 'holds'],
  [{ ifUnmodifiedSince: BEFORE, ifMatch: '"ab12"' }, ALL, 'holds'],
  // If-None-Match: weak comparison.
  [{ ifNoneMatch: '"x"' }, ALL, 'holds'],
  [{ ifNoneMatch: 'ab12' }, ALL, 'holds'],
  [{ ifNoneMatch: '' }, ALL, 'holds'],
  [{ ifNoneMatch: 'w/"ab12"' }, ALL, 'holds'],
  ...['"ab12"', 'W/"ab12"', '"x", "ab12"', '"x" , W/"ab12"', '*', ' * ', '"a,b", "ab12"'].flatMap(
    (ifNoneMatch): typeof CASES => [
      [{ ifNoneMatch }, READS, 'not_modified'],
      [{ ifNoneMatch }, ['DELETE'], 'If-None-Match'],
    ],
  ),
  // If-Modified-Since: only for reads, and only where there is no If-None-Match.
  [{ ifModifiedSince: AT }, READS, 'not_modified'],
  [{ ifModifiedSince: AT_RFC_850 }, READS, 'not_modified'],
  [{ ifModifiedSince: AT_ASCTIME }, READS, 'not_modified'],
  [{ ifModifiedSince: AFTER }, READS, 'not_modified'],
  [{ ifModifiedSince: BEFORE }, READS, 'holds'],
  [{ ifModifiedSince: 'yesterday' }, READS, 'holds'],
  [{ ifModifiedSince: AT }, ['DELETE'], 'holds'],
  [{ ifModifiedSince: AT, ifNoneMatch: '"x"' }, READS, 'holds'],
  // The order: what guards a change comes before what saves a transfer.
  [{ ifMatch: '"x"', ifNoneMatch: '"ab12"' }, ALL, 'If-Match'],
  [{ ifMatch: '"ab12"', ifNoneMatch: '"ab12"' }, READS, 'not_modified'],
  [{ ifUnmodifiedSince: BEFORE, ifNoneMatch: '"ab12"' }, ALL, 'If-Unmodified-Since'],
  [{ ifUnmodifiedSince: BEFORE, ifModifiedSince: AT }, READS, 'If-Unmodified-Since'],
];

describe('evaluateConditions', () => {
  it.each(CASES)('%j of %j: %s', (given, methods, expected) => {
    for (const method of methods) expect(outcome(method, given)).toBe(expected);
  });

  it('reads a list of thousands of tags once', () => {
    const tags = '"x",'.repeat(4000);
    expect(outcome('GET', { ifNoneMatch: `${tags}"ab12"` })).toBe('not_modified');
    expect(outcome('GET', { ifNoneMatch: `${tags}${' ,'.repeat(4000)}x` })).toBe('holds');
  });
});

describe('rangeStillValid', () => {
  it.each([
    [undefined, true],
    ['"ab12"', true],
    [' "ab12" ', true],
    ['W/"ab12"', false],
    ['"other"', false],
    ['"other", "ab12"', false],
    ['*', false],
    ['', false],
    [AT, true],
    [AT_RFC_850, true],
    [AT_ASCTIME, true],
    // Not "since": exactly the date that was sent.
    [AFTER, false],
    [BEFORE, false],
    ['yesterday', false],
  ])('%j: %s', (header, valid) => {
    expect(rangeStillValid(header, FILE, NOW)).toBe(valid);
  });
});
