// Rules on words that must not stand in the tree: notes to oneself, tests switched on or off, and Nest's ways round a cycle.
import type { Rule } from './finding.js';

interface Ban {
  words: RegExp;
  where: RegExp;
  reason: string;
}

/** The file that names the banned words. */
const OWN_FILES = /^scripts\/tidy\/word-rules(\.test)?\.ts$/;

const BANS: Ban[] = [
  { words: /\b(TODO|FIXME|XXX)\b/, where: /./, reason: 'do it now, or write an issue' },
  {
    words: /\b(it|test|describe|suite)(\.\w+)*\.only\b/,
    where: /\.ts$/,
    reason: 'it switches all other tests off',
  },
  {
    words: /\b(it|test|describe|suite)(\.\w+)*\.(skip|todo)\b/,
    where: /\.ts$/,
    reason: 'a test runs or goes; `skipIf` may name a condition',
  },
  { words: /\b(forwardRef|ModuleRef)\b/, where: /\.ts$/, reason: 'imports go down the floor plan, without cycles' },
];

export const bannedWords: Rule = ({ path, text }) => {
  if (OWN_FILES.test(path)) return [];
  const bans = BANS.filter(({ where }) => where.test(path));
  return text.split('\n').flatMap((content, index) =>
    bans.flatMap(({ words, reason }) => {
      const word = words.exec(content)?.[0];
      return word === undefined ? [] : [{ path, line: index + 1, message: `"${word}": ${reason}` }];
    }),
  );
};
