import { describe, expect, it } from 'vitest';
import { rateOrOff } from './rate.js';

const rate = rateOrOff(1024);
const parse = (text: string): unknown => rate.parse(text, '/');

describe('a rate', () => {
  it.each([
    ['20MiB/s', 20 * 1024 * 1024],
    ['1KiB/s', 1024],
    ['0', 0],
  ])('%s is read as %i', (text, value) => {
    expect(parse(text)).toEqual({ value });
  });

  it.each(['', '20MiB', '20', '20/s', '/s', '20MB/s', '20MiB/h', '20 MiB/s', '-1KiB/s', '1023B/s', '0B/s'])(
    '%j is refused, with what would do',
    (text) => {
      expect(parse(text)).toEqual({ problem: `is not ${rate.accepts}` });
    },
  );
});
