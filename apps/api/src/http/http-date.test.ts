import { describe, expect, it } from 'vitest';
import { httpDate, parseHttpDate } from './http-date.js';

const NOW = Date.UTC(2026, 10, 21);
const AT = Date.UTC(1994, 10, 6, 8, 49, 37);

describe('parseHttpDate', () => {
  it.each([
    ['Sun, 06 Nov 1994 08:49:37 GMT', AT],
    ['Sunday, 06-Nov-94 08:49:37 GMT', AT],
    ['Sun Nov  6 08:49:37 1994', AT],
    ['  Sun, 06 Nov 1994 08:49:37 GMT ', AT],
    ['Thu, 29 Feb 2024 00:00:00 GMT', Date.UTC(2024, 1, 29)],
    ['Thu Dec 31 23:59:59 2026', Date.UTC(2026, 11, 31, 23, 59, 59)],
    // A leap second is the first of the next minute.
    ['Sat, 31 Dec 2016 23:59:60 GMT', Date.UTC(2017, 0, 1)],
    // Two digits: fifty years ahead at most.
    ['Saturday, 21-Nov-76 00:00:00 GMT', Date.UTC(2076, 10, 21)],
    ['Saturday, 21-Nov-77 00:00:00 GMT', Date.UTC(1977, 10, 21)],
    ['Saturday, 21-Nov-26 00:00:00 GMT', NOW],
  ])('%s', (text, timeMs) => {
    expect(parseHttpDate(text, NOW)).toBe(timeMs);
  });

  it.each([
    '',
    '0',
    'now',
    '2026-11-21',
    '2026-11-21T00:00:00Z',
    'Sun, 6 Nov 1994 08:49:37 GMT',
    'Sun, 06 Nov 1994 08:49:37',
    'Sun, 06 Nov 1994 08:49:37 UTC',
    'Sun, 06 Nov 1994 08:49:37 +0100',
    'sun, 06 nov 1994 08:49:37 gmt',
    'Sun, 06 Foo 1994 08:49:37 GMT',
    'Sun, 31 Feb 1994 08:49:37 GMT',
    'Sun, 00 Nov 1994 08:49:37 GMT',
    'Sun, 29 Feb 2023 08:49:37 GMT',
    'Sun, 06 Nov 1994 24:00:00 GMT',
    'Sun, 06 Nov 1994 08:60:00 GMT',
    'Sun, 06 Nov 1994 08:49:61 GMT',
    'Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT',
  ])('%j is no date', (text) => {
    expect(parseHttpDate(text, NOW)).toBeUndefined();
  });
});

describe('httpDate', () => {
  it('cuts off what is less than a second', () => {
    expect(httpDate(AT + 999)).toBe('Sun, 06 Nov 1994 08:49:37 GMT');
  });
});
