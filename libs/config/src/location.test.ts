import { describe, expect, it } from 'vitest';
import { directory, pathsOverlap, replicaList, sqliteFile } from './location.js';

const ROOT = '/srv/holdfast';

describe('a directory', () => {
  it.each([
    ['./data/primary', '/srv/holdfast/data/primary'],
    ['data', '/srv/holdfast/data'],
    ['../elsewhere/', '/srv/elsewhere'],
    ['/mnt/disk 1', '/mnt/disk 1'],
    ['/', '/'],
  ])('%s is %s', (text, absolute) => {
    expect(directory.parse(text, ROOT)).toEqual({ value: absolute });
  });

  it.each([
    ['nothing', ''],
    ['a space before', ' ./data'],
    ['a line break behind', './data\n'],
    ['a bucket', 's3://bucket'],
    ['a URL', 'file:///srv/data'],
  ])('is not %s', (_, text) => {
    expect(directory.parse(text, ROOT)).toHaveProperty('problem');
  });
});

describe('the database', () => {
  it.each([
    ['sqlite:./data/catalog.db', '/srv/holdfast/data/catalog.db'],
    ['sqlite:catalog.db', '/srv/holdfast/catalog.db'],
    ['sqlite:/var/lib/catalog.db', '/var/lib/catalog.db'],
    ['sqlite:///var/lib/catalog.db', '/var/lib/catalog.db'],
  ])('%s is the file %s', (text, absolute) => {
    expect(sqliteFile.parse(text, ROOT)).toEqual({ value: absolute });
  });

  it.each([
    ['a path without a scheme', './data/catalog.db'],
    ['another engine', 'postgres://user:secret@host/db'],
    ['another spelling of the scheme', 'SQLite:./catalog.db'],
    ['no file', 'sqlite:'],
    ['a database in memory', 'sqlite::memory:'],
    ['a host', 'sqlite://data/catalog.db'],
    ['options', 'sqlite:./catalog.db?mode=ro'],
    ['a directory', 'sqlite:./data/'],
  ])('is not %s', (_, text) => {
    expect(sqliteFile.parse(text, ROOT)).toHaveProperty('problem');
  });
});

describe('the list of replicas', () => {
  it.each([
    ['none', '', []],
    ['one by its last path segment', './data/replica1/', [['replica1', '/srv/holdfast/data/replica1']]],
    ['one by its name', 'off-site=/mnt/Backup', [['off-site', '/mnt/Backup']]],
    ['an equals sign behind the first slash', './a=b/c', [['c', '/srv/holdfast/a=b/c']]],
    [
      'names for equal last segments',
      'a=/mnt/a/store,b=/mnt/b/store',
      [
        ['a', '/mnt/a/store'],
        ['b', '/mnt/b/store'],
      ],
    ],
  ])('reads %s', (_, text, expected) => {
    const locations = expected.map(([name, path]) => ({ kind: 'directory', name, path }));
    expect(replicaList.parse(text, ROOT)).toEqual({ value: locations });
  });

  it.each([
    ['a URL', 'http://host/store', 'http://'],
    ['an empty item', './a,,./b', 'empty'],
    ['a comma at the end', './a,', 'empty'],
    ['a space behind the comma', './a, ./b', 'space'],
    ['a name with nothing behind', 'a=', 'empty'],
    ['an empty name', '=./a', '""'],
    ['a name in capitals', 'Backup=./a', '"Backup"'],
    ['a last segment that is no name', '/mnt/Backup', 'name=path'],
    ['the root directory without a name', '/', 'name=path'],
    ['a name of 65 characters', `${'a'.repeat(65)}=./a`, 'at most 64'],
    ['the name of the first store', 'primary=./a', 'primary'],
    ['one name twice', '/mnt/a/store,/mnt/b/store', 'two replicas named store'],
  ])('refuses %s', (_, text, reason) => {
    expect(replicaList.parse(text, ROOT)).toEqual({ problem: expect.stringContaining(reason) });
  });
});

describe('two paths', () => {
  it.each([
    ['/a', '/a', true],
    ['/a', '/a/b/c', true],
    ['/a/b', '/a', true],
    ['/', '/a', true],
    ['/a', '/a/..b', true],
    ['/a', '/ab', false],
    ['/a/b', '/a/c', false],
    ['/a/..b', '/a/b', false],
  ])('%s and %s overlap: %s', (one, other, expected) => {
    expect(pathsOverlap(one, other)).toBe(expected);
    expect(pathsOverlap(other, one)).toBe(expected);
  });
});
