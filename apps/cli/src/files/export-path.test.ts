import type { FileId } from '#libs/kernel';
import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { candidatePaths, ExportPaths, plainPath } from './export-path.js';

const id = (digit: number): FileId => `01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0${digit}` as FileId;

const HOSTILE = [
  '../x',
  '../../etc/passwd',
  '/etc/passwd',
  '//server/share',
  'a/../../b',
  'a/./b',
  '.',
  '..',
  '/',
  'C:\\Windows\\x',
  '..\\..\\x',
  'a\\..\\b',
  'con',
  'NUL.txt',
  'dir/aux/x',
  'name.',
  'name ',
  '...',
  'holdfast-index.jsonl',
  '.holdfast-partial/x',
  'HOLDFAST-RENAMED/x',
  'x'.repeat(1024),
  `${'ü'.repeat(500)}.txt`,
  '\uD83D\uDCE6'.repeat(250),
  'right\u202Eleft',
  '__proto__',
];

describe('plainPath', () => {
  it.each([
    ['photo.jpg', 'photo.jpg'],
    ['a/b/c.txt', 'a/b/c.txt'],
    ['ünï 日本 📦.txt', 'ünï 日本 📦.txt'],
    ['.hidden', '.hidden'],
    ['../x', '__/x'],
    ['/etc/passwd', 'etc/passwd'],
    ['a//b/', 'a/b'],
    ['./a', '_/a'],
    ['/', '_'],
    ['..\\x', '.._x'],
    ['C:x', 'C_x'],
    ['con', '_con'],
    ['LPT1.txt', '_LPT1.txt'],
    ['console', 'console'],
    ['end. ', 'end__'],
    [`${'x'.repeat(300)}.txt`, `${'x'.repeat(196)}.txt`],
    [`${'ü'.repeat(300)}`, 'ü'.repeat(100)],
  ])('%j goes to %j', (name, path) => {
    expect(plainPath(name)).toBe(path);
  });

  it.each(HOSTILE)('%j stays below the directory, in parts that every file system takes', (name) => {
    for (const path of candidatePaths(name, id(1))) {
      expect(posix.normalize(`/d/${path}`)).toBe(`/d/${path}`);
      for (const part of path.split('/')) {
        expect(part).not.toMatch(/^$|^\.\.?$|[\\:*?"<>|]|[. ]$|^(con|nul|aux)(\.|$)/i);
        expect(Buffer.byteLength(part)).toBeLessThanOrEqual(255);
      }
    }
  });
});

describe('ExportPaths', () => {
  const assign = (...names: string[]): string[] => {
    const paths = new ExportPaths();
    return names.map((name, index) => paths.assign(name, id(index)));
  };

  it.each([
    ['the same name', ['a.txt', 'a.txt'], ['a.txt', `a~${id(1)}.txt`]],
    ['names that differ in case', ['A.txt', 'a.txt'], ['A.txt', `a~${id(1)}.txt`]],
    ['names that are composed differently', ['\u00FC', 'u\u0308'], ['\u00FC', `u\u0308~${id(1)}`]],
    ['names made equal', ['a//b', 'a/b'], ['a/b', `a/b~${id(1)}`]],
    ['a file where another needs a directory', ['a', 'a/b'], ['a', `holdfast-renamed/${id(1)}`]],
    ['a directory where another is a file', ['a/b', 'A'], ['a/b', `A~${id(1)}`]],
    ['the name of the index', ['Holdfast-Index.jsonl'], [`Holdfast-Index~${id(0)}.jsonl`]],
    ['a name among the renamed', ['holdfast-renamed/x'], [`holdfast-renamed/${id(0)}`]],
    ['a name among the partial', ['.holdfast-partial/x'], [`holdfast-renamed/${id(0)}`]],
    ['a path that another was given', [`a~${id(2)}`, 'a', 'a'], [`a~${id(2)}`, 'a', `holdfast-renamed/${id(2)}`]],
  ])('gives files of their own to %s', (_what, names, paths) => {
    expect(assign(...names)).toEqual(paths);
  });

  it('gives the path of an earlier run again, and takes no other from its word', () => {
    const paths = new ExportPaths();
    expect(paths.assign('a.txt', id(1), `a~${id(1)}.txt`)).toBe(`a~${id(1)}.txt`);
    expect(paths.assign('b.txt', id(2), '../../etc/passwd')).toBe('b.txt');
    expect(paths.assign('a.txt', id(3))).toBe('a.txt');
  });

  it('never gives one path twice, whatever the names', () => {
    const paths = new ExportPaths();
    const given = [...HOSTILE, ...HOSTILE].map((name, index) =>
      paths.assign(name, `01932b7e-8a2c-7c3d-9e4f-5a6b7c8d${String(index).padStart(4, '0')}` as FileId).toLowerCase(),
    );
    expect(new Set(given).size).toBe(given.length);
  });
});
