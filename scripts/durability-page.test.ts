/** `docs/durability.md` names a test for every promise: each file is there, and has a test or a suite of that name. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const PAGE = readFileSync('docs/durability.md', 'utf8');

/** `a name` (`a/file.test.ts` …); an ellipsis in a name stands for what differs from run to run or from case to case. */
const NAMED = [...PAGE.matchAll(/`([^`]+)` \(`((?:test|libs)\/[^`]+\.test\.ts)`/g)].map(([, name = '', file = '']) => ({
  name,
  file,
}));

const FILES = [...new Set([...PAGE.matchAll(/`((?:test|libs)\/[^`]+\.test\.ts)`/g)].map(([, file = '']) => file))];

function sourcePattern(name: string): RegExp {
  const parts = name.split('…').map((part) => part.trim().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(parts.join('.*'));
}

describe('the page on durability', () => {
  it('names tests', () => {
    expect(NAMED.length).toBeGreaterThan(15);
  });

  it.each(FILES)('names a file that is there: %s', (file) => {
    expect(existsSync(file)).toBe(true);
  });

  it.each(NAMED)('names a test that is there: $name', ({ name, file }) => {
    expect(readFileSync(file, 'utf8')).toMatch(sourcePattern(name));
  });
});
