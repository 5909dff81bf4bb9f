import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../bench/arguments.js';
import { parseMillionArguments } from './arguments.js';

describe('the command line', () => {
  it('has a default for everything, and removes what it made', () => {
    expect(parseMillionArguments([], '/called/from')).toEqual({
      files: 1_000_000,
      seconds: 10,
      rounds: 3,
      directory: tmpdir(),
      jsonPath: undefined,
      afterwards: 'remove',
      installation: undefined,
    });
  });

  it('takes paths from where it was called', () => {
    const { directory, jsonPath } = parseMillionArguments(['--directory', 'disk', '--json', '../out.json'], '/a/b');
    expect([directory, jsonPath]).toEqual(['/a/b/disk', '/a/out.json']);
  });

  it('never removes a directory that it did not make', () => {
    expect(parseMillionArguments(['--installation', 'kept'], '/a')).toMatchObject({
      afterwards: 'keep',
      installation: '/a/kept',
    });
  });

  it.each([['--files=0'], ['--files=many'], ['--rounds=-1'], ['--fiels=1'], ['one']])('refuses %s', (argument) => {
    expect(() => parseMillionArguments([argument], '/')).toThrow(UsageError);
  });
});
