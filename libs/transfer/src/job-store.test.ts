import { StoreError } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { describe, expect, it } from 'vitest';
import { crashStore, fileOf, openCrashStore, SOURCE_ID } from '../testing/src/index.js';
import { JobStore } from './job-store.js';

const KEYS = Array.from({ length: 70 }, () => fileOf('').manifest.key);
const LARGE = Buffer.alloc(200 * 1024, 'large');

/** A store that has these objects under the first of the keys. */
async function storeWith(...objects: readonly Buffer[]) {
  const disk = await crashStore(SOURCE_ID);
  const store = openCrashStore(disk, SOURCE_ID);
  await store.putAll(objects.map((bytes, index) => ({ key: KEYS[index]!, bytes })));
  return { disk, store: new JobStore(store) };
}

const codes = (answers: readonly (Buffer | undefined | StoreError)[]): unknown[] =>
  answers.map((answer) => (answer instanceof StoreError ? answer.code : answer?.toString()));

describe('many objects read at once', () => {
  it('are the answers by the index of their keys, however many they are', async () => {
    const contents = KEYS.map((_, index) => Buffer.from(`object ${index}`));
    const { store } = await storeWith(...contents);
    const missing: ObjectKey = fileOf('').manifest.key;
    expect(codes(await store.getAll([missing, ...KEYS]))).toEqual([undefined, ...contents.map(String)]);
    expect(await store.getAll([])).toEqual([]);
  });

  // A few are read one by one, many in one go.
  it.each([3, 40])('of %i keys are whole also where one of them is large', async (count) => {
    const { store } = await storeWith(Buffer.from('one'), LARGE, Buffer.from('three'));
    const expected = ['one', LARGE.toString(), 'three'];
    expect(codes(await store.getAll(KEYS.slice(0, count))).slice(0, 4)).toEqual(
      [...expected, undefined].slice(0, count),
    );
  });

  it.each([
    ['small', Buffer.from('two'), 3, 0],
    ['small', Buffer.from('two'), 40, 0],
    ['large', LARGE, 3, 0],
    // It is read again by itself.
    ['large', LARGE, 40, 1],
  ])('are there but for a %s one that the disk cannot read', async (_name, bytes, count, after) => {
    const { disk, store } = await storeWith(Buffer.from('one'), bytes, Buffer.from('three'));
    disk.failNext({ operation: 'readFile', errorCode: 'EIO', pathPattern: new RegExp(KEYS[1]!.id), after });
    const answers = codes(await store.getAll(KEYS.slice(0, count)));
    expect(answers.slice(0, 3)).toEqual(['one', 'manifest_corrupt', 'three']);
  });

  it.each(['EIO', 'EISDIR', 'ELOOP'])('are there but for one whose name answers %s, few or many', async (errorCode) => {
    const { disk, store } = await storeWith(Buffer.from('one'), Buffer.from('two'));
    for (const count of [2, 40]) {
      disk.failNext({ operation: 'readFile', errorCode, pathPattern: new RegExp(KEYS[1]!.id) });
      expect(codes(await store.getAll(KEYS.slice(0, count))).slice(0, 2)).toEqual(['one', 'manifest_corrupt']);
    }
  });

  it.each([2, 40])('of %i keys are none where the store is at fault', async (count) => {
    const { disk, store } = await storeWith(Buffer.from('one'), Buffer.from('two'));
    disk.failNext({ operation: 'readFile', errorCode: 'ESTALE', pathPattern: new RegExp(KEYS[1]!.id) });
    await expect(store.getAll(KEYS.slice(0, count))).rejects.toMatchObject({
      code: 'store_unreachable',
      storeId: SOURCE_ID,
    });
  });
});
