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

  it('are whole also where one of them is large', async () => {
    const { store } = await storeWith(Buffer.from('one'), LARGE, Buffer.from('three'));
    expect(codes(await store.getAll(KEYS.slice(0, 3)))).toEqual(['one', LARGE.toString(), 'three']);
  });

  it.each([
    ['small', Buffer.from('two'), 1],
    ['large', LARGE, 2],
  ])('are there but for a %s one that the disk cannot read', async (_name, bytes, times) => {
    const { disk, store } = await storeWith(Buffer.from('one'), bytes, Buffer.from('three'));
    const pathPattern = new RegExp(KEYS[1]!.id);
    // A large one is read again by itself.
    disk.failNext({ operation: 'readFile', errorCode: 'EIO', pathPattern, after: times - 1 });
    expect(codes(await store.getAll(KEYS.slice(0, 3)))).toEqual(['one', 'manifest_corrupt', 'three']);
  });

  it('are none where the store is at fault', async () => {
    const { disk, store } = await storeWith(Buffer.from('one'), Buffer.from('two'));
    disk.failNext({ operation: 'readFile', errorCode: 'ESTALE', pathPattern: new RegExp(KEYS[1]!.id) });
    await expect(store.getAll(KEYS.slice(0, 2))).rejects.toMatchObject({
      code: 'store_unreachable',
      storeId: SOURCE_ID,
    });
  });
});
