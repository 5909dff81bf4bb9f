import { describe, expect, it } from 'vitest';
import { verdict } from './verdict.js';

const ALL = { primary: 'primary', stores: ['primary', 'replica1', 'replica2'], left_out: [] };
const ONE = { primary: 'primary', stores: ['replica1'], left_out: ['primary', 'replica2'] };
const PRIMARY = { primary: 'primary', stores: ['primary'], left_out: ['replica1', 'replica2'] };
const WHOLE = { equal: true, whole: true, dry_run: false, differing: 0, left: 0, reported: 0 };
const OWED = { ...WHOLE, whole: false, left: 3 };
const DIFFERENT = { ...OWED, equal: false, differing: 2 };
const UNREAD = { ...OWED, equal: false };

describe('the last line of a repair', () => {
  it.each([
    [ALL, WHOLE, 'all stores are equal'],
    [ALL, DIFFERENT, 'the stores are NOT equal'],
    [ALL, OWED, 'the stores are equal, but something is left that could not be mended'],
    [ALL, { ...OWED, dry_run: true }, 'the stores are equal, but something that is owed is not done'],
    [
      ALL,
      { ...OWED, dry_run: true, reported: 1 },
      'the stores are equal, but what was found is not mended (--dry-run)',
    ],
    [ONE, WHOLE, 'replica1 and primary are equal; nothing was compared with replica2'],
    [{ ...ONE, left_out: ['primary'] }, WHOLE, 'replica1 and primary are equal'],
    [ONE, DIFFERENT, 'replica1 and primary are NOT equal'],
    [PRIMARY, WHOLE, 'primary holds what the catalog says; no other store was compared with it'],
    [{ ...PRIMARY, left_out: [] }, WHOLE, 'primary holds what the catalog says; there is no other store'],
    [ALL, UNREAD, 'the stores could not all be read to the end, and nobody knows whether they are equal'],
    [PRIMARY, UNREAD, 'primary could not be read to the end'],
    [
      PRIMARY,
      OWED,
      'primary was compared with the catalog; no other store was compared with it, and something is left that could not be mended',
    ],
  ])('%#: says no more than was looked at', (looked, found, said) => {
    expect(verdict({ ...looked, ...found })).toBe(said);
  });
});
