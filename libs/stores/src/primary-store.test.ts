import { CrashFileSystem } from '#libs/durable-fs/testing';
import { describe, expect, it } from 'vitest';
import { chunkOf, crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import { PrimaryStore } from './primary-store.js';

const { key, bytes } = chunkOf(Buffer.alloc(1234, 'chunk'));

describe('unlinking a chunk', () => {
  it('says what it has freed, and nothing of a chunk that is not there', async () => {
    const { primary } = await crashPrimary();
    await primary.put(key, bytes);
    expect(await primary.unlinkChunk(key.id)).toBe(1234);
    expect(await primary.has(key)).toBeUndefined();
    expect(await primary.unlinkChunk(key.id)).toBe(0);
  });

  it('frees nothing where the chunk went meanwhile', async () => {
    /** Somebody else is always faster. */
    class RivalledFileSystem extends CrashFileSystem {
      override async unlink(path: string): Promise<void> {
        await super.unlink(path);
        await super.unlink(path);
      }
    }
    const { fs } = await crashPrimary();
    const primary = new PrimaryStore(new RivalledFileSystem({ snapshot: fs.snapshot() }), STORE_PATH, TEST_IDENTITY);
    await primary.put(key, bytes);
    expect(await primary.unlinkChunk(key.id)).toBe(0);
  });

  it('tells what the disk refuses', async () => {
    const { fs, primary } = await crashPrimary();
    await primary.put(key, bytes);
    fs.failNext({ operation: 'unlink', errorCode: 'EROFS' });
    await expect(primary.unlinkChunk(key.id)).rejects.toMatchObject({ code: 'EROFS' });
    expect((await primary.get(key))?.equals(bytes)).toBe(true);
  });
});
