import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FileSystem, OpenFile } from '../../src/file-system.js';
import { bytes } from './contract-tools.js';
import type { Tools } from './contract-tools.js';
import { describeManyFiles, describeManyReads } from './many-files-contract.js';

export interface FileSystemUnderTest {
  readonly fs: FileSystem;
  /** An empty directory. */
  readonly directory: string;
  cleanUp(): void;
}

async function readAll(file: OpenFile): Promise<string> {
  const target = Buffer.alloc((await file.size()) + 1);
  return target.subarray(0, await file.read(target, 0)).toString();
}

/** What every `FileSystem` does, as far as a living process can see: durability is the crash tests' matter. */
export function describeFileSystemContract(name: string, start: () => FileSystemUnderTest): void {
  describe(`the FileSystem contract: ${name}`, () => {
    let subject: FileSystemUnderTest;
    let fs: FileSystem;
    const path = (...names: string[]): string => join(subject.directory, ...names);
    const put = (fileName: string, text: string) => fs.replaceFile(path(fileName), bytes(text), path('put.tmp'));
    const get = async (fileName: string) => (await fs.readFile(path(fileName))).toString();

    beforeEach(() => {
      subject = start();
      fs = subject.fs;
    });
    afterEach(() => subject.cleanUp());

    describeHandles(() => ({ fs, path, put, get }));
    describeNames(() => ({ fs, path, put, get }));
    describeManyFiles(() => ({ fs, path, put, get }));
    describeManyReads(() => ({ fs, path, put, get }));
    describeSyncs(() => ({ fs, path, put, get }));
  });
}

function describeHandles(tools: () => Tools): void {
  it('reads back what was written at a position, with zeros in the gap', async () => {
    const { fs, path } = tools();
    const file = await fs.create(path('a'));
    await file.write(bytes('tail'), 6);
    await file.write(bytes('head'), 0);
    expect(await readAll(file)).toBe('head\0\0tail');
    expect(await file.size()).toBe(10);
    await file.close();
  });

  it('reads short only at the end of the file', async () => {
    const { fs, path, put } = tools();
    await put('a', '0123456789');
    const file = await fs.openRead(path('a'));
    const target = Buffer.alloc(4);
    expect(await file.read(target, 3)).toBe(4);
    expect(target.toString()).toBe('3456');
    expect(await file.read(target, 8)).toBe(2);
    expect(await file.read(target, 10)).toBe(0);
    expect(await file.read(target, 99)).toBe(0);
    await file.close();
  });

  it('writes many bytes whole, and leaves the buffer to the caller afterwards', async () => {
    const { fs, path } = tools();
    const file = await fs.create(path('a'));
    const written = Buffer.alloc(3 * 1024 * 1024 + 1, 'abc');
    const expected = Buffer.from(written);
    await file.write(written, 5);
    written.fill(0);
    const target = Buffer.alloc(expected.length);
    expect(await file.read(target, 5)).toBe(expected.length);
    expect(target.equals(expected)).toBe(true);
    await file.close();
  });

  it('shows zeros, not the old bytes, where a shrunken file grows again', async () => {
    const { fs, path, put } = tools();
    await put('a', 'abcdef');
    const file = await fs.openWrite(path('a'));
    await file.truncate(2);
    expect(await file.size()).toBe(2);
    await file.truncate(4);
    await file.write(bytes('x'), 5);
    expect(await readAll(file)).toBe('ab\0\0\0x');
    await file.close();
  });

  it('refuses writes and truncation on a handle opened for reading', async () => {
    const { fs, path, put } = tools();
    await put('a', 'abc');
    const file = await fs.openRead(path('a'));
    await expect(file.write(bytes('x'), 0)).rejects.toMatchObject({ code: 'EBADF' });
    await expect(file.truncate(0)).rejects.toMatchObject({ code: 'EINVAL' });
    await file.close();
  });

  it('refuses every call after close, and closes twice without complaint', async () => {
    const { fs, path } = tools();
    const file = await fs.create(path('a'));
    await file.close();
    await file.close();
    const calls = [
      () => file.read(Buffer.alloc(1), 0),
      () => file.write(bytes('x'), 0),
      () => file.dataSync(),
      () => file.truncate(0),
      () => file.size(),
    ];
    for (const call of calls) await expect(call()).rejects.toMatchObject({ code: 'EBADF' });
  });

  it('lets calls in flight finish before it closes', async () => {
    const { fs, path, get } = tools();
    const file = await fs.create(path('a'));
    const write = file.write(bytes('whole'), 0);
    const sync = file.dataSync();
    await file.close();
    await expect(Promise.all([write, sync])).resolves.toBeDefined();
    expect(await get('a')).toBe('whole');
  });

  it('keeps the content behind an open handle when its name is removed or replaced', async () => {
    const { fs, path, put } = tools();
    await put('a', 'first');
    await put('b', 'second');
    const a = await fs.openRead(path('a'));
    const b = await fs.openRead(path('b'));
    await fs.unlink(path('a'));
    await put('b', 'third');
    expect(await readAll(a)).toBe('first');
    expect(await readAll(b)).toBe('second');
    await a.close();
    await b.close();
  });
}

function describeNames(tools: () => Tools): void {
  it('replaces a file whole, over a longer temporary that was left behind, and leaves no temporary', async () => {
    const { fs, path, put, get } = tools();
    await put('a', 'old');
    await put('put.tmp.source', 'a long leftover');
    await fs.rename(path('put.tmp.source'), path('put.tmp'));
    await put('a', 'new');
    expect(await get('a')).toBe('new');
    await put('empty', '');
    expect(await get('empty')).toBe('');
    expect((await fs.readDirectory(path())).sort()).toEqual(['a', 'empty']);
  });

  it('gives readFile as a buffer of its own', async () => {
    const { fs, path, put, get } = tools();
    await put('a', 'abc');
    (await fs.readFile(path('a'))).fill(0);
    expect(await get('a')).toBe('abc');
  });

  it('renames over an existing file and into another directory', async () => {
    const { fs, path, put, get } = tools();
    await fs.makeDirectory(path('d'));
    await put('a', 'new');
    await put('b', 'old');
    await fs.rename(path('a'), path('b'));
    await fs.rename(path('b'), path('d', 'c'));
    expect(await get(join('d', 'c'))).toBe('new');
    expect(await fs.readDirectory(path())).toEqual(['d']);
  });

  it('renames a directory with what is in it', async () => {
    const { fs, path, put, get } = tools();
    await fs.makeDirectory(path('d'));
    await put(join('d', 'a'), 'kept');
    await fs.rename(path('d'), path('e'));
    expect(await get(join('e', 'a'))).toBe('kept');
    await expect(fs.rename(path('e'), path('e', 'f'))).rejects.toMatchObject({ code: 'EINVAL' });
  });

  it('makes one directory, an existing one without complaint', async () => {
    const { fs, path } = tools();
    await fs.makeDirectory(path('d'));
    await fs.makeDirectory(path('d'));
    expect(await fs.readDirectory(path('d'))).toEqual([]);
  });

  it('tells size, kind and time, and undefined for what is not there', async () => {
    const { fs, path, put } = tools();
    const before = Date.now();
    await put('a', 'abc');
    const stat = await fs.stat(path('a'));
    expect(stat).toMatchObject({ sizeBytes: 3, isDirectory: false });
    // The kernel stamps files with a clock that ticks coarsely.
    expect(stat?.modifiedAtMs).toBeGreaterThan(before - 1000);
    expect(await fs.stat(path())).toMatchObject({ isDirectory: true });
    expect(await fs.stat(path('b'))).toBeUndefined();
    expect(await fs.stat(path('a', 'b'))).toBeUndefined();
  });

  it.each<[string, string, (tools: Tools) => Promise<unknown>]>([
    ['openRead of a missing file', 'ENOENT', ({ fs, path }) => fs.openRead(path('no'))],
    ['openWrite of a missing file', 'ENOENT', ({ fs, path }) => fs.openWrite(path('no'))],
    ['openWrite of a directory', 'EISDIR', ({ fs, path }) => fs.openWrite(path('d'))],
    ['create over a file', 'EEXIST', ({ fs, path }) => fs.create(path('a'))],
    ['create over a directory', 'EEXIST', ({ fs, path }) => fs.create(path('d'))],
    ['create in a missing directory', 'ENOENT', ({ fs, path }) => fs.create(path('no', 'b'))],
    ['create below a file', 'ENOTDIR', ({ fs, path }) => fs.create(path('a', 'b'))],
    ['readFile of a missing file', 'ENOENT', ({ get }) => get('no')],
    ['readFile of a directory', 'EISDIR', ({ get }) => get('d')],
    ['replaceFile over a directory', 'EISDIR', ({ put }) => put('d', 'x')],
    ['replaceFile in a missing directory', 'ENOENT', ({ put }) => put(join('no', 'b'), 'x')],
    ['rename of a missing file', 'ENOENT', ({ fs, path }) => fs.rename(path('no'), path('b'))],
    ['rename over a directory', 'EISDIR', ({ fs, path }) => fs.rename(path('a'), path('d'))],
    ['rename of a directory over a file', 'ENOTDIR', ({ fs, path }) => fs.rename(path('d'), path('a'))],
    ['rename over a full directory', 'ENOTEMPTY', ({ fs, path }) => fs.rename(path('e'), path('d'))],
    ['unlink of a missing file', 'ENOENT', ({ fs, path }) => fs.unlink(path('no'))],
    ['unlink of a directory', 'EISDIR', ({ fs, path }) => fs.unlink(path('d'))],
    ['makeDirectory over a file', 'EEXIST', ({ fs, path }) => fs.makeDirectory(path('a'))],
    ['makeDirectory in a missing one', 'ENOENT', ({ fs, path }) => fs.makeDirectory(path('no', 'b'))],
    ['readDirectory of a missing one', 'ENOENT', ({ fs, path }) => fs.readDirectory(path('no'))],
    ['readNames of a missing one', 'ENOENT', ({ fs, path }) => fs.readNames(path('no'), { after: '', limit: 1 })],
    ['readDirectory of a file', 'ENOTDIR', ({ fs, path }) => fs.readDirectory(path('a'))],
    ['syncDirectory of a missing one', 'ENOENT', ({ fs, path }) => fs.syncDirectory(path('no'))],
    ['syncDirectory of a file', 'ENOTDIR', ({ fs, path }) => fs.syncDirectory(path('a'))],
    ['syncFileSystem of a missing path', 'ENOENT', ({ fs, path }) => fs.syncFileSystem(path('no'))],
    ['freeBytes of a missing path', 'ENOENT', ({ fs, path }) => fs.freeBytes(path('no'))],
    ['freeFiles of a missing path', 'ENOENT', ({ fs, path }) => fs.freeFiles(path('no'))],
  ])('%s fails with %s and changes nothing', async (_case, code, call) => {
    const { fs, path, put, get } = tools();
    await put('a', 'abc');
    await fs.makeDirectory(path('d'));
    await fs.makeDirectory(path('e'));
    await put(join('d', 'full'), 'x');
    await expect(call(tools())).rejects.toMatchObject({ code });
    expect((await fs.readDirectory(path())).sort()).toEqual(['a', 'd', 'e']);
    expect(await get('a')).toBe('abc');
  });
}

function describeSyncs(tools: () => Tools): void {
  it('syncs files, directories and file systems', async () => {
    const { fs, path, get } = tools();
    const file = await fs.create(path('a'));
    await file.write(bytes('abc'), 0);
    await file.dataSync();
    await file.close();
    await fs.syncDirectory(path());
    await fs.syncFileSystem(path());
    await fs.syncFileSystem(path('a'));
    expect(await get('a')).toBe('abc');
    // It waits for what every other process wrote to the same file system.
  }, 120_000);

  it('knows how many bytes and files are free', async () => {
    const { fs, path } = tools();
    expect(await fs.freeBytes(path())).toBeGreaterThan(0);
    expect(await fs.freeFiles(path())).toBeGreaterThan(0);
  });
}
