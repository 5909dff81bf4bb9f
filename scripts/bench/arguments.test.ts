import { describe, expect, it } from 'vitest';
import { parseBenchArguments, UsageError } from './arguments.js';

describe('the arguments', () => {
  it('none: five rounds of every cell, no JSON', () => {
    expect(parseBenchArguments([], '/home/me')).toMatchObject({
      only: '',
      jsonPath: undefined,
      rounds: 5,
      seconds: 5,
    });
  });

  it('paths are meant from where the command was given, not from the root of the package', () => {
    const args = ['--json', 'out.json', '--directory', '../disk', '--only', 'PUT', '--rounds', '1', '--seconds', '2'];
    expect(parseBenchArguments(args, '/home/me')).toEqual({
      only: 'PUT',
      jsonPath: '/home/me/out.json',
      rounds: 1,
      seconds: 2,
      directory: '/home/disk',
    });
  });

  it.each([
    ['no rounds at all', ['--rounds', '0']],
    ['a second and a half', ['--seconds', '1.5']],
    ['a number too large', ['--seconds', '100000']],
    ['no number', ['--rounds', 'five']],
    ['an unknown option', ['--fast']],
    ['a word without an option', ['PUT']],
    ['an option without its value', ['--only']],
  ])('refused: %s', (_, args) => {
    expect(() => parseBenchArguments(args, '/')).toThrow(UsageError);
  });
});
