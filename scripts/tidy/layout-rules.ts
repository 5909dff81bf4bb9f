// Rules on where things stand and how they are called.
import type { Rule } from './finding.js';

export const MAX_FILE_LINES = 400;
export const MAX_BARREL_LINES = 30;

const CODE = /\.(ts|mts|cts|mjs|cjs|js|sh)$|^\.ci\/run$/;
const BARREL = /^libs\/[^/]+\/src\/index\.ts$/;
const VAGUE = new Set(['util', 'utils', 'common', 'helper', 'helpers']);

export function countLines(text: string): number {
  return text === '' ? 0 : text.replace(/\n$/, '').split('\n').length;
}

export const fileLength: Rule = ({ path, text }) => {
  const limit = BARREL.test(path) ? MAX_BARREL_LINES : MAX_FILE_LINES;
  const lines = countLines(text);
  if (!CODE.test(path) || lines <= limit) return [];
  return [{ path, message: `has ${lines} lines, more than ${limit}: split it by idea` }];
};

/** The first vague word in a path makes it one, whether folder or file: `test-utils.ts` is as vague as `utils/`. */
export const plainNames: Rule = ({ path }) => {
  const word = path.split(/[/._-]/).find((part) => VAGUE.has(part.toLowerCase()));
  return word === undefined ? [] : [{ path, message: `is named "${word}", which names no idea` }];
};

export const noBuildOutput: Rule = ({ path }, paths) => {
  if (/(^|\/)dist\//.test(path)) return [{ path, message: 'is build output among the sources' }];
  const source = path.replace(/(\.d)?\.(js|ts)$/, '.ts');
  const emitted = source !== path && paths.has(source);
  return emitted ? [{ path, message: `is the build output of ${source}` }] : [];
};
