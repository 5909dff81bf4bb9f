// The repository's own files, found by walking and not by asking git, so that a check of a tree without history, or with
// a file not yet added, says the same.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface SourceFile {
  /** Relative to the root, with slashes. */
  path: string;
  text: string;
}

export interface SourceTree {
  /** Every file, pictures and fixtures included. */
  paths: ReadonlySet<string>;
  /** The text files among them, in the order of their paths. */
  files: SourceFile[];
}

/** What stands at the root and is made by tools or by a running server. */
const NOT_OURS = new Set(['dist', 'coverage', 'data', 'wal']);
const HIDDEN_BUT_OURS = new Set(['.ci']);
const TEXT = /\.(ts|mts|cts|mjs|cjs|js|json|md|yml|yaml|sh|html|css)$|(^|\/)Dockerfile$|^\.ci\/run$/;
const NOT_WRITTEN_BY_HAND = new Set(['package-lock.json']);

export function readSourceTree(root: string): SourceTree {
  const paths: string[] = [];
  const collect = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (!entry.isDirectory()) paths.push(path);
      else if (!isForeign(path, entry.name)) collect(path);
    }
  };
  collect('');
  paths.sort();
  const files = paths
    .filter((path) => TEXT.test(path) && !NOT_WRITTEN_BY_HAND.has(path))
    .map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }));
  return { paths: new Set(paths), files };
}

function isForeign(path: string, name: string): boolean {
  if (name === 'node_modules' || NOT_OURS.has(path)) return true;
  return name.startsWith('.') && !HIDDEN_BUT_OURS.has(path);
}
