import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { boundedFileSystem } from './bounded-file-system.js';
import type { FileSystem } from './file-system.js';
import { pooledFileSystem } from './pooled-file-system.js';

let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'holdfast-bounded-'));
  await writeFile(join(directory, 'file'), 'content');
});
afterAll(() => rm(directory, { recursive: true }));

/** Calls of every kind that touch the disk, and of an open file. */
function callsOn(fs: FileSystem): (() => Promise<unknown>)[] {
  const path = join(directory, 'file');
  const readOpened = async (): Promise<void> => {
    const file = await fs.openRead(path);
    await file.read(Buffer.alloc(7), 0);
    await file.close();
  };
  return [
    readOpened,
    () => fs.readFile(path),
    () => fs.stat(path),
    () => fs.sizesOf([path]),
    () => fs.readDirectory(directory),
    () => fs.syncDirectory(directory),
  ];
}

/** Counts the calls that are under way, those on open files included. */
function counted(fs: FileSystem): { fs: FileSystem; most: () => number } {
  let [underWay, most] = [0, 0];
  const watch = <Target extends object>(target: Target): Target =>
    new Proxy(target, {
      get(owner, name) {
        const method: unknown = Reflect.get(owner, name);
        if (typeof method !== 'function' || name === 'close' || name === 'then') {
          return typeof method === 'function' ? method.bind(owner) : method;
        }
        return async (...given: unknown[]): Promise<unknown> => {
          underWay += 1;
          most = Math.max(most, underWay);
          try {
            const result: unknown = await Reflect.apply(method, owner, given);
            return name === 'openRead' ? watch(result as object) : result;
          } finally {
            underWay -= 1;
          }
        };
      },
    });
  return { fs: watch(fs), most: () => most };
}

it('has no more calls under way than it may, however many are made at once', async () => {
  const { fs, most } = counted(pooledFileSystem);
  const bounded = boundedFileSystem(fs, 2);
  const calls = Array.from({ length: 5 }, () => callsOn(bounded)).flat();
  await Promise.all(calls.map((call) => call()));
  expect(most()).toBe(2);
});

it('goes on behind calls that fail', async () => {
  const bounded = boundedFileSystem(pooledFileSystem, 1);
  await expect(bounded.readFile(join(directory, 'absent'))).rejects.toThrow('ENOENT');
  expect((await bounded.readFile(join(directory, 'file'))).toString()).toBe('content');
});

it('says since when a sync must answer for errors', async () => {
  const asked: unknown[] = [];
  const fs = { ...pooledFileSystem, syncFileSystem: async (...given: unknown[]) => void asked.push(given) };
  await boundedFileSystem(fs, 1).syncFileSystem(directory, 7n);
  expect(asked).toEqual([[directory, 7n]]);
});
