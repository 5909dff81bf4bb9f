import { execFileSync } from 'node:child_process';
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pageOfNames, readFiles, readNames } from './bulk-reads.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-bulk-'));
});
afterEach(() => rm(root, { recursive: true }));

it('a read that hangs holds nobody else’s, and is answered when its turn comes', async () => {
  const [pipe, file] = [join(root, 'pipe'), join(root, 'file')];
  // Whoever opens a pipe waits for its writer, as for a mount whose server is gone.
  execFileSync('mkfifo', [pipe]);
  await writeFile(file, 'there');
  let isAnswered = false;
  const hanging = readFiles({ paths: [pipe], maxBytes: 100 }).finally(() => (isAnswered = true));
  expect((await readFiles({ paths: [file], maxBytes: 100 })).map(String)).toEqual(['there']);
  expect((await readNames(root, { after: '', limit: 5 })).names).toEqual(['file', 'pipe']);
  expect(isAnswered).toBe(false);
  await (await open(pipe, 'w')).close();
  // What it is told is that nobody can seek in a pipe.
  expect(await hanging).toMatchObject([{ code: 'ESPIPE' }]);
});

it('a name that is gone between the listing and the look at its size is in neither list', async () => {
  const missing = join(root, 'gone');
  await writeFile(join(root, 'a'), 'a');
  execFileSync('ln', ['-s', missing, join(root, 'b')]);
  await writeFile(join(root, 'c'), 'ccc');
  const page = await readNames(root, { after: '', limit: 2, sizes: 'wanted' });
  expect(page).toEqual({ names: ['a'], sizes: [1], next: 'b' });
  expect(await readNames(root, { after: 'b', limit: 2, sizes: 'wanted' })).toEqual({
    names: ['c'],
    sizes: [3],
    next: undefined,
  });
});

it('a page of names does not depend on the order in which they come', () => {
  const names = ['c', 'a', 'd', 'b'];
  expect(pageOfNames(names, { after: 'a', limit: 2 })).toEqual({ names: ['b', 'c'], next: 'c' });
  expect(pageOfNames(names.toReversed(), { after: 'c', limit: 2 })).toEqual({ names: ['d'], next: undefined });
});
