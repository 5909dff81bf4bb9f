import { describe, expect, it } from 'vitest';
import { entityTag, noneMatchNames, rangeStillValid } from './conditions.js';

const TAG = entityTag({ sha256: 'ab12' });

describe('noneMatchNames', () => {
  it.each([
    [undefined, false],
    ['', false],
    ['"ab12"', true],
    ['W/"ab12"', true],
    ['"other", "ab12"', true],
    ['"other" , W/"ab12"', true],
    ['*', true],
    [' * ', true],
    ['"other"', false],
    ['ab12', false],
    ['"AB12"', false],
    ['"a,b", "ab12"', true],
  ])('%j: %s', (header, named) => {
    expect(noneMatchNames(header, TAG)).toBe(named);
  });
});

describe('rangeStillValid', () => {
  it.each([
    [undefined, true],
    ['"ab12"', true],
    ['W/"ab12"', false],
    ['"other"', false],
    ['Wed, 21 Oct 2026 07:28:00 GMT', false],
  ])('%j: %s', (header, valid) => {
    expect(rangeStillValid(header, TAG)).toBe(valid);
  });
});
