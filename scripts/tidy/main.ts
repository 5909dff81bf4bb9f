// Prints what is untidy in this repository, one line each, and exits 1 if anything is.
import { resolve } from 'node:path';
import { untidiness } from './rules.js';
import { readSourceTree } from './source-tree.js';

const tree = readSourceTree(resolve(import.meta.dirname, '../..'));
if (tree.files.length === 0) throw new Error('found no files to check');
const findings = untidiness(tree);
for (const { path, line, message, rule } of findings) {
  console.log(`${path}${line === undefined ? '' : `:${line}`}: ${message} [${rule}]`);
}
if (findings.length > 0) process.exitCode = 1;
