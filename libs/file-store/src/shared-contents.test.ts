import type { FileContent, FileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { SharedContents } from './shared-contents.js';

const [FILE, OTHER] = ['file', 'other'] as [FileId, FileId];
const contentOf = (text: string): FileContent => ({ kind: 'inline', bytes: Buffer.from(text) });

describe('the contents of files being read', () => {
  it('are fetched once for all who read a file at the same time, and apart for another file', async () => {
    const contents = new SharedContents();
    const fetched: FileId[] = [];
    const fetch = (fileId: FileId) => async (): Promise<FileContent> => {
      fetched.push(fileId);
      return contentOf(fileId);
    };
    const seen = await Promise.all(
      [FILE, OTHER, FILE].map((fileId) => contents.use(fileId, fetch(fileId), async (content) => content)),
    );
    expect(fetched).toEqual([FILE, OTHER]);
    expect(seen).toEqual([contentOf(FILE), contentOf(OTHER), contentOf(FILE)]);
    expect(seen[0]).toBe(seen[2]);
  });

  it('are held until the last reader has ended, and no longer', async () => {
    const contents = new SharedContents();
    const gate = Promise.withResolvers<void>();
    const slow = contents.use(
      FILE,
      async () => contentOf('a'),
      () => gate.promise,
    );
    await contents.use(
      FILE,
      () => Promise.reject(new Error('fetched again')),
      async () => undefined,
    );
    expect(contents.size).toBe(1);
    gate.resolve();
    await slow;
    expect(contents.size).toBe(0);
  });

  it('that cannot be fetched fail every reader, and the next one tries again', async () => {
    const contents = new SharedContents();
    const failing = async (): Promise<FileContent> => Promise.reject(new Error('no manifest'));
    const reads = [1, 2].map(() => contents.use(FILE, failing, async (content) => content));
    expect((await Promise.allSettled(reads)).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(
      await contents.use(
        FILE,
        async () => contentOf('back'),
        async (content) => content,
      ),
    ).toEqual(contentOf('back'));
  });
});
