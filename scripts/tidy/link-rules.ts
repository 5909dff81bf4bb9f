// A page that sends its reader to a file which is not there is worse than one that says nothing.
import { posix } from 'node:path';
import type { Finding, Rule } from './finding.js';

const PAGES = /^((README|ARCHITECTURE|GLOSSARY|ERRORS|CONTRIBUTING)\.md|docs\/.*\.md)$/;
const INLINE_LINK = /\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g;
const REFERENCE_LINK = /^\s*\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)/g;
/** Paths in backticks, where they name a place in this repository. */
const QUOTED_PATH = /`((?:apps|libs|docs|scripts|test|\.ci)\/[\w./@-]*)`/g;

interface Reference {
  target: string;
  line: number;
  from: 'page' | 'root';
}

export const linksLeadSomewhere: Rule = ({ path, text }, paths) => {
  if (!PAGES.test(path)) return [];
  const folders = new Set([...paths].flatMap(foldersAbove));
  return references(text).flatMap(({ target, line, from }): Finding[] => {
    const base = from === 'page' && !target.startsWith('/') ? posix.dirname(path) : '.';
    const place = posix.normalize(posix.join(base, decodeURI(target))).replace(/\/$/, '');
    const exists = place === '.' || paths.has(place) || folders.has(place);
    return exists ? [] : [{ path, line, message: `points at ${target}, which is not there` }];
  });
};

function references(text: string): Reference[] {
  let fenced = false;
  return text.split('\n').flatMap((content, index): Reference[] => {
    if (/^\s*(```|~~~)/.test(content)) fenced = !fenced;
    if (fenced) return [];
    const line = index + 1;
    const prose = content.replace(/`[^`]*`/g, '');
    const links = [...prose.matchAll(INLINE_LINK), ...prose.matchAll(REFERENCE_LINK)]
      .map((match) => (match[1] ?? '').replace(/[#?].*$/, ''))
      .filter((target) => target !== '' && !/^[a-z][a-z+.-]*:/i.test(target))
      .map((target): Reference => ({ target, line, from: 'page' }));
    const quoted = [...content.matchAll(QUOTED_PATH)].map((match): Reference => ({
      target: match[1] ?? '',
      line,
      from: 'root',
    }));
    return [...links, ...quoted];
  });
}

function foldersAbove(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join('/'));
}
