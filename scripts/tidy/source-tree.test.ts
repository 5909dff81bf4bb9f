import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readSourceTree } from './source-tree.js';

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'source-tree-'));
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

it('reads what is ours and leaves what tools and servers made', () => {
  const ours = ['.ci/run', 'README.md', 'docs/picture.png', 'libs/wal/src/data/a.ts', 'libs/wal/dist/index.js'];
  const foreign = [
    'node_modules/a/a.ts',
    'dist/a.ts',
    'data/a.json',
    'wal/a.json',
    '.git/a.md',
    'libs/node_modules/a.ts',
  ];
  for (const path of [...ours, ...foreign]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), 'text');
  }
  const tree = readSourceTree(root);
  expect([...tree.paths].toSorted()).toEqual(ours.toSorted());
  expect(tree.files.map(({ path }) => path)).toEqual(ours.filter((path) => !path.endsWith('.png')).toSorted());
});
