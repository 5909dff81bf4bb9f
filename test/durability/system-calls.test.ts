import { expect, it } from 'vitest';
import { parseTrace } from './system-calls.js';

it('puts the two halves of an interrupted call together', () => {
  const trace = [
    '11 1700000000.000001 pwrite64(20</wal/segments/1.wal>, "abc", 3, 128) = 3',
    '12 1700000000.000002 fdatasync(20</wal/segments/1.wal> <unfinished ...>',
    '11 1700000000.000003 write(7<socket:[1]>, "HTTP/1.1 201", 12) = 12',
    '12 1700000000.000004 <... fdatasync resumed>) = 0',
    '12 1700000000.000005 fsync(21</primary/chunks/aa> <unfinished ...>',
    '12 1700000000.000006 +++ killed by SIGKILL +++',
  ].join('\n');
  expect(parseTrace(trace).map(({ name, began, ended, result }) => [name, began, ended, result])).toEqual([
    ['pwrite64', 0, 0, '3'],
    ['fdatasync', 1, 3, '0'],
    ['write', 2, 2, '12'],
    ['fsync', 4, Number.POSITIVE_INFINITY, '?'],
  ]);
});
