/** The part of the `FileSystem` contract about the calls for many files at once. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { FileReplacement } from '../../src/file-batch.js';
import { bytes } from './contract-tools.js';
import type { Tools } from './contract-tools.js';

/** Few are replaced on the spot, many in threads; nobody shall see a difference. */
const MANY = [1, 3, 4, 40];

export function describeManyFiles(tools: () => Tools): void {
  const replacements = ({ path }: Tools, texts: readonly string[]): FileReplacement[] =>
    texts.map((text, index) => ({ path: path(`f${index}`), bytes: bytes(text) }));

  it.each(MANY)('createFiles makes %i files, and none where a name is taken', async (count) => {
    const { fs, path, put, get } = tools();
    const files = replacements(
      tools(),
      Array.from({ length: count }, (_, index) => `new ${index}`),
    );
    await fs.createFiles(files);
    for (const index of files.keys()) expect(await get(`f${index}`)).toBe(`new ${index}`);
    await put('taken', 'old');
    const again = files.map((file, index) => ({ path: path(`g${index}`), bytes: file.bytes }));
    const taken = { path: path('taken'), bytes: bytes('x') };
    await expect(fs.createFiles([...again, taken])).rejects.toMatchObject({ code: 'EEXIST' });
    expect(await Promise.all([get(`g${count - 1}`), get('taken')])).toEqual([`new ${count - 1}`, 'old']);
  });

  it.each(MANY)('renameFiles renames %i files, and sizesOf tells where they are', async (count) => {
    const { fs, path, get } = tools();
    const names = Array.from({ length: count }, (_, index) => `f${index}`);
    await fs.createFiles(replacements(tools(), names));
    const renames = names.map((name) => ({ from: path(name), to: path(`${name} renamed`) }));
    await fs.renameFiles(renames);
    expect(await Promise.all(names.map((name) => get(`${name} renamed`)))).toEqual(names);
    const paths = renames.flatMap(({ from, to }) => [from, to]);
    expect(await fs.sizesOf(paths)).toEqual(names.flatMap(({ length }) => [undefined, length]));
    expect(await fs.sizesOf([path(`${names[0]} renamed`, 'below a file')])).toEqual([undefined]);
  });

  it.each(MANY)('renameFiles of %i files fails as the file system does, after those before', async (count) => {
    const { fs, path, get } = tools();
    const names = Array.from({ length: count }, (_, index) => `f${index}`);
    await fs.createFiles(replacements(tools(), names));
    const renames = names.map((name) => ({ from: path(name), to: path(`${name} renamed`) }));
    const missing = { from: path('no'), to: path('nothing') };
    await expect(fs.renameFiles([...renames, missing])).rejects.toMatchObject({ code: 'ENOENT' });
    expect(await get(`f${count - 1} renamed`)).toBe(`f${count - 1}`);
  });

  for (const operation of ['replaceFiles', 'refreshFiles'] as const) {
    it.each(MANY)(`${operation} gives %i files their content, old or new, and leaves no temporary`, async (count) => {
      const { fs, path, put, get } = tools();
      await put('f0', 'old and longer');
      const texts = Array.from({ length: count }, (_, index) => `new ${index}`);
      await fs[operation](replacements(tools(), texts), path('t'));
      expect(await Promise.all(texts.map((_, index) => get(`f${index}`)))).toEqual(texts);
      expect(await fs.readDirectory(path())).toHaveLength(count);
      await fs[operation](replacements(tools(), texts), path('t'));
      expect(await Promise.all(texts.map((_, index) => get(`f${index}`)))).toEqual(texts);
    });

    it.each(MANY)(`${operation} of %i files keeps their order where one name is given twice`, async (count) => {
      const { fs, path, get } = tools();
      const texts = Array.from({ length: count }, (_, index) => `content ${index}`);
      await fs[operation](
        texts.map((text) => ({ path: path('a'), bytes: bytes(text) })),
        path('t'),
      );
      expect(await get('a')).toBe(texts.at(-1));
    });

    it.each(MANY)(`${operation} of %i files fails as the file system does, after those before`, async (count) => {
      const { fs, path, get } = tools();
      const files = replacements(
        tools(),
        Array.from({ length: count }, (_, index) => `new ${index}`),
      );
      const missing = { path: path('no', 'a'), bytes: bytes('x') };
      await expect(fs[operation]([...files, missing], path('t'))).rejects.toMatchObject({ code: 'ENOENT' });
      expect(await get(`f${count - 1}`)).toBe(`new ${count - 1}`);
      expect(await fs.readDirectory(path())).toHaveLength(count);
    });

    it(`${operation} takes several calls at once, each with a directory of its own`, async () => {
      const { fs, path, get } = tools();
      const calls = ['a', 'b', 'c', 'd', 'e'];
      for (const call of calls) await fs.makeDirectory(path(call));
      const filesOf = (call: string): FileReplacement[] =>
        Array.from({ length: 8 }, (_, index) => ({ path: path(call, `f${index}`), bytes: bytes(`${call}${index}`) }));
      await Promise.all(calls.map((call) => fs[operation](filesOf(call), path(call, 't'))));
      for (const call of calls) {
        expect(await fs.readDirectory(path(call))).toHaveLength(8);
        expect(await get(join(call, 'f7'))).toBe(`${call}7`);
      }
    });
  }
}

export function describeManyReads(tools: () => Tools): void {
  it('readNames gives every name once, sorted, in pages of any length', async () => {
    const { fs, path, put } = tools();
    const names = ['b', 'a', 'ab', '10', '9', 'c'];
    for (const name of names) await put(name, name);
    for (const limit of [1, 2, 5, 6, 100]) {
      const found: string[] = [];
      for (let after: string | undefined = ''; after !== undefined;) {
        const page = await fs.readNames(path(), { after, limit });
        expect(page.names.length).toBeLessThanOrEqual(limit);
        found.push(...page.names);
        after = page.next;
      }
      expect(found).toEqual(names.toSorted());
    }
    expect(await fs.readNames(path(), { after: 'c', limit: 5 })).toEqual({ names: [], next: undefined });
  });

  it('readNames tells the sizes that are wanted', async () => {
    const { fs, path, put } = tools();
    await put('a', 'abc');
    await put('b', '');
    const page = await fs.readNames(path(), { after: '', limit: 5, sizes: 'wanted' });
    expect(page).toEqual({ names: ['a', 'b'], sizes: [3, 0], next: undefined });
  });

  it('readFiles gives the content of each, and what is wrong with one is the answer for that one', async () => {
    const { fs, path, put } = tools();
    await put('a', 'abc');
    await put('empty', '');
    await put('large', 'longer');
    await fs.makeDirectory(path('d'));
    const paths = ['a', 'no', 'large', 'd', 'empty', 'a'].map((name) => path(name));
    const [first, missing, large, directory, empty, again] = await fs.readFiles({ paths, maxBytes: 5 });
    expect([missing, large, directory]).toMatchObject(['absent', 'large', { code: 'EISDIR' }]);
    expect([first, empty, again].map(String)).toEqual(['abc', '', 'abc']);
    expect(await fs.readFiles({ paths: [path('large')], maxBytes: 6 })).toEqual([bytes('longer')]);
  });

  it('answers many that ask at once, each with its own', async () => {
    const { fs, path, put } = tools();
    const names = Array.from({ length: 40 }, (_, index) => `f${index}`);
    for (const name of names) await put(name, name);
    const answers = await Promise.all(names.map((name) => fs.readFiles({ paths: [path(name)], maxBytes: 9 })));
    expect(answers.map(([content]) => String(content))).toEqual(names);
  });
}
