import type { FileEntry } from '#libs/catalog';
import type { FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { FileCache } from './file-cache.js';

const entryOf = (fileId: string): FileEntry => ({ fileId }) as unknown as FileEntry;
const [A, B, C] = ['a', 'b', 'c'] as [FileId, FileId, FileId];

describe('the bytes of small files', () => {
  it('are kept with their entry, and go with it', () => {
    const cache = new FileCache();
    cache.put(entryOf(A));
    cache.putContent(A, Buffer.from('bytes'));
    expect(cache.content(A)?.toString()).toBe('bytes');
    cache.drop(A);
    expect(cache.content(A)).toBeUndefined();
  });

  it('are not kept of a file that was deleted while they were read', () => {
    const cache = new FileCache();
    cache.put(entryOf(A));
    cache.drop(A);
    cache.putContent(A, Buffer.from('bytes'));
    expect(cache.content(A)).toBeUndefined();
  });

  it('go with an entry that others have pushed out', () => {
    const cache = new FileCache({ maxEntries: 1 });
    cache.put(entryOf(A));
    cache.putContent(A, Buffer.from('bytes'));
    cache.put(entryOf(B));
    expect(cache.content(A)).toBeUndefined();
  });

  it('take no more than their share of memory', () => {
    const cache = new FileCache({ maxContentBytes: 4096 });
    for (const fileId of [A, B, C]) {
      cache.put(entryOf(fileId));
      cache.putContent(fileId, Buffer.alloc(1200));
    }
    expect([A, B, C].map((fileId) => cache.content(fileId) !== undefined)).toEqual([false, true, true]);
    // One that would take all of it by itself is not kept.
    cache.putContent(A, Buffer.alloc(5000));
    expect(cache.content(A)).toBeUndefined();
  });
});
