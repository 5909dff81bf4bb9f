import { describe, expect, it } from 'vitest';
import { durationText, progressLine } from './progress-line.js';
import { Progress } from './progress.js';
import { sizeText } from '#libs/terminal';

const MIB = 1024 * 1024;

describe('progressLine', () => {
  const state = { doneBytes: 30 * MIB, totalBytes: 120 * MIB, doneFiles: 1, totalFiles: 1, bytesPerSecond: 10 * MIB };

  it('shows share, rate and time left', () => {
    expect(progressLine(state, 120)).toBe(
      ' 25 %  [######..................]  30.0 MiB of 120 MiB  10.0 MiB/s  0:09 left',
    );
  });

  it('shows what can be said of a length that is not known', () => {
    expect(progressLine({ ...state, totalBytes: undefined }, 120)).toBe('30.0 MiB  10.0 MiB/s');
  });

  it('promises no time while nothing moves', () => {
    expect(progressLine({ ...state, bytesPerSecond: 0 }, 120)).not.toContain('left');
    expect(progressLine({ ...state, bytesPerSecond: undefined }, 120)).not.toContain('/s');
  });

  it('never fills the last column', () => {
    expect(progressLine({ ...state, totalFiles: 1000 }, 20)).toHaveLength(19);
    expect(progressLine(state, 0)).toBe('');
  });

  it('shows an empty file as done', () => {
    expect(progressLine({ ...state, doneBytes: 0, totalBytes: 0 }, 120)).toContain('100 %');
  });
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [100 * 1024, '100 KiB'],
  [1024 * 1024 - 1, '1.0 MiB'],
  [5 * 1024 ** 4, '5.0 TiB'],
])('%i bytes are %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

it.each([
  [-1, '0:00'],
  [0.2, '0:01'],
  [59, '0:59'],
  [61, '1:01'],
  [3600, '1:00:00'],
])('%d seconds are %s', (seconds, text) => {
  expect(durationText(seconds)).toBe(text);
});

describe('Progress', () => {
  it('counts a file that is sent again once, and what was there before not as speed', () => {
    const lines: string[] = [];
    const progress = new Progress({ bytes: 100 * MIB, files: 2 }, { columns: 200, write: (text) => lines.push(text) });
    progress.draw(0);
    const one = progress.file();
    one.at(40 * MIB);
    one.at(10 * MIB);
    one.at(20 * MIB);
    progress.file().present(30 * MIB);
    progress.draw(1000);
    progress.close();
    expect(lines.at(-2)).toContain('50.0 MiB of 100 MiB');
    expect(lines.at(-2)).toContain('50.0 MiB/s');
    expect(lines.at(-1)).toBe('\r\u001B[2K');
  });

  it('shows something on a terminal that does not know its width', () => {
    const lines: string[] = [];
    const progress = new Progress({ bytes: 1, files: 1 }, { columns: 0, write: (text) => lines.push(text) });
    progress.draw(0);
    progress.close();
    expect(lines[0]).toContain('0 %');
  });
});
