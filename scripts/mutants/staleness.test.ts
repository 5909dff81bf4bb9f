import { describe, expect, it } from 'vitest';
import { MUTANTS } from './list.js';
import { mutate } from './mutant.js';
import { staleness, staleOnes } from './staleness.js';

describe('the list of mutants', () => {
  it('fits the sources: each text stands once, each test file is there, each name is free', async () => {
    expect(await staleOnes(MUTANTS)).toEqual([]);
  });

  it('is told where it does not', async () => {
    const mutant = { name: 'a', find: 'x', replace: '', tests: ['gone.test.ts'], letsThrough: '' };
    const lines = await staleOnes([
      { ...mutant, file: 'gone.ts' },
      { ...mutant, file: 'package.json' },
    ]);
    expect(lines).toEqual([
      'a: gone.ts is gone',
      'a: gone.test.ts is gone',
      expect.stringMatching(/^a: its text stands \d+ times/),
      'a: the name is taken',
      'a: gone.test.ts is gone',
    ]);
  });

  it.each([
    ['once', 'a b c', undefined],
    ['never', 'a c', 'its text stands 0 times in f.ts'],
    ['twice', 'a b b', 'its text stands 2 times in f.ts'],
  ])('knows a text that stands %s', (_count, source, reason) => {
    expect(staleness(source, { file: 'f.ts', find: 'b', replace: '' })).toBe(reason);
  });
});

it('a mutant takes its text as it is, dollar signs included', () => {
  expect(mutate('a(b)', { find: '(b)', replace: '$&$1' })).toBe('a$&$1');
});
