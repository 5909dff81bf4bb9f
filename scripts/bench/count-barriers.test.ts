import { describe, expect, it } from 'vitest';
import { countBarriers } from './count-barriers.js';

const SEGMENTS = '/i/wal/segments';
const SEGMENT = `${SEGMENTS}/00000000000000000001.wal`;

const TRACE = [
  `11 100.000000 fdatasync(20<${SEGMENT}>) = 0`,
  `12 101.000000 fdatasync(20<${SEGMENT}> <unfinished ...>`,
  '11 101.500000 fdatasync(31</i/primary/staging/x>) = 0',
  '12 101.600000 <... fdatasync resumed>) = 0',
  `13 102.000000 fdatasync(22<${SEGMENTS}/ahead.tmp>) = 0`,
  '14 102.100000 fdatasync(23</i/wal/segments-old/1.wal>) = 0',
  `12 109.000000 fdatasync(20<${SEGMENT}>) = 0`,
].join('\n');

describe('barriers in a trace', () => {
  it('a call in two halves counts once, files elsewhere and calls outside the window not at all', () => {
    expect(countBarriers(TRACE, { fromSeconds: 100.5, untilSeconds: 105, below: SEGMENTS })).toBe(2);
  });

  it('none at all is refused: a log synced in another way would look perfect', () => {
    expect(() => countBarriers('', { fromSeconds: 0, untilSeconds: 1000, below: SEGMENTS })).toThrow('no fdatasync');
  });
});
