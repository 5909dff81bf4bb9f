import { crashStates } from '#libs/durable-fs/testing';
import type { CrashFileSystem, DiskSnapshot } from '#libs/durable-fs/testing';
import { chunkChecksum, newFileId } from '#libs/kernel';
import { describe, expect, it } from 'vitest';
import { chunkOf, crashPrimary, STORE_PATH, TEST_IDENTITY } from '../testing/src/index.js';
import type { TestChunk } from '../testing/src/index.js';
import { FileDigest } from './file-digest.js';
import { PrimaryStore } from './primary-store.js';

/** Chunks of several sectors and different first bytes, so that they land in different shards and can be torn. */
const CHUNKS = Array.from({ length: 6 }, (_, index) => chunkOf(Buffer.alloc(1100 + index, `chunk ${index} `)));

const FILE_ID = newFileId(1);

const stagingNames = (fs: CrashFileSystem): Promise<string[]> => fs.readDirectory(`${STORE_PATH}/staging`);

async function stageAll(primary: PrimaryStore, chunks: readonly TestChunk[]) {
  return Promise.all(chunks.map(({ bytes }) => primary.staging.stage(Buffer.from(bytes))));
}

/** For every disk that a power cut can leave: which chunks are there whole, and which are there but not whole. */
async function afterPowerCut(snapshot: DiskSnapshot): Promise<{ label: string; whole: number; broken: number }[]> {
  const outcomes = [];
  for (const { fileSystem, label } of crashStates(snapshot, { limit: 60 })) {
    const store = new PrimaryStore(fileSystem, STORE_PATH, TEST_IDENTITY);
    const found = await Promise.all(CHUNKS.map(({ key }) => store.get(key)));
    const whole = found.filter((bytes, index) => bytes !== undefined && CHUNKS[index]!.bytes.equals(bytes)).length;
    outcomes.push({ label, whole, broken: found.filter((bytes) => bytes !== undefined).length - whole });
  }
  return outcomes;
}

describe('staging a chunk', () => {
  // Around the size from which a digest is made off the main thread.
  it.each([0, 1, 1000, 65_535, 65_536, 65_537, 1_048_576])('describes %i bytes truly', async (size) => {
    const { primary } = await crashPrimary();
    const { key, bytes } = chunkOf(Buffer.alloc(size, 'Holdfast'));
    const { entry, stagedPath } = await primary.staging.stage(bytes);
    const checksum = chunkChecksum(bytes);
    expect(entry).toEqual({ chunkId: key.id, lengthBytes: size, storedBytes: size, checksum });
    await primary.staging.publish(FILE_ID, [{ entry, stagedPath }]);
    expect((await primary.get(key))?.equals(bytes)).toBe(true);
  });

  it('keeps nothing of the caller after it has returned', async () => {
    const { primary } = await crashPrimary();
    const { key, bytes } = CHUNKS[0]!;
    const buffer = Buffer.from(bytes);
    const staged = await primary.staging.stage(buffer);
    buffer.fill(0);
    await primary.staging.publish(FILE_ID, [staged]);
    expect((await primary.get(key))?.equals(bytes)).toBe(true);
  });

  it.each(['create', 'write', 'dataSync'] as const)(
    'leaves nothing in staging where %s fails, and says why',
    async (operation) => {
      const { fs, primary } = await crashPrimary();
      fs.failNext({ operation, errorCode: 'ENOSPC', writtenBytes: 7 });
      await expect(primary.staging.stage(CHUNKS[0]!.bytes)).rejects.toMatchObject({ code: 'ENOSPC' });
      expect(await stagingNames(fs)).toEqual([]);
      await expect(primary.staging.stage(CHUNKS[0]!.bytes)).resolves.toBeDefined();
    },
  );

  it('leaves nothing in staging where the digest fails, and says why', async () => {
    const { fs, primary } = await crashPrimary();
    const digest = new FileDigest();
    digest.add = () => Promise.reject(new Error('the thread died'));
    await expect(primary.staging.stage(CHUNKS[0]!.bytes, digest)).rejects.toThrow('the thread died');
    expect(await stagingNames(fs)).toEqual([]);
  });

  it('has eight chunks under way at a time, of however many uploads, and stages them all', async () => {
    const { fs, primary } = await crashPrimary();
    const create = fs.create.bind(fs);
    let underWay = 0;
    let most = 0;
    fs.create = async (path) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise(setImmediate);
      const file = await create(path);
      const close = file.close.bind(file);
      file.close = async () => {
        underWay -= 1;
        await close();
      };
      return file;
    };
    const staged = await stageAll(primary, [...CHUNKS, ...CHUNKS, ...CHUNKS, ...CHUNKS]);
    expect([most, underWay]).toEqual([8, 0]);
    expect(await stagingNames(fs)).toHaveLength(staged.length);
  });

  it('goes on behind chunks that could not be written', async () => {
    const { fs, primary } = await crashPrimary();
    fs.failNext({ operation: 'write', errorCode: 'EIO', times: 10 });
    const many = [...CHUNKS, ...CHUNKS];
    const outcomes = await Promise.allSettled(many.map(({ bytes }) => primary.staging.stage(bytes)));
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
    expect(await stagingNames(fs)).toHaveLength(2);
  });

  it('publishes nothing by itself', async () => {
    const { primary } = await crashPrimary();
    await stageAll(primary, CHUNKS);
    expect((await primary.list('chunk', { limit: 10 })).ids).toEqual([]);
  });

  it('takes no two uploads for one, also with the same bytes', async () => {
    const { fs, primary } = await crashPrimary();
    const staged = await stageAll(primary, [CHUNKS[0]!, CHUNKS[0]!, CHUNKS[0]!]);
    expect(new Set(staged.map(({ stagedPath }) => stagedPath)).size).toBe(3);
    await primary.staging.publish(FILE_ID, staged);
    expect(await stagingNames(fs)).toEqual([]);
    expect((await primary.list('chunk', { limit: 10 })).ids).toEqual([CHUNKS[0]!.key.id]);
  });
});

describe('publishing chunks', () => {
  it('is durable on return, in every directory that it touched', async () => {
    const { fs, primary } = await crashPrimary();
    expect(new Set(CHUNKS.map(({ key }) => key.id.slice(0, 2))).size).toBeGreaterThan(3);
    await primary.staging.publish(FILE_ID, await stageAll(primary, CHUNKS));
    for (const { label, whole } of await afterPowerCut(fs.snapshot())) expect(whole, label).toBe(CHUNKS.length);
  });

  it('at no instant is there part of a chunk under its name', async () => {
    const { fs, primary } = await crashPrimary();
    const instants: DiskSnapshot[] = [];
    fs.onBoundary(() => instants.push(fs.snapshot()));
    await primary.staging.publish(FILE_ID, await stageAll(primary, CHUNKS.slice(0, 3)));
    for (const snapshot of [...instants, fs.snapshot()]) {
      for (const { label, broken } of await afterPowerCut(snapshot)) expect(broken, label).toBe(0);
    }
  });

  it('heals a chunk that had rotted', async () => {
    const { fs, primary } = await crashPrimary();
    const { key, bytes } = CHUNKS[0]!;
    await primary.staging.publish(FILE_ID, await stageAll(primary, [CHUNKS[0]!]));
    fs.rot(primary.pathOf(key), 17);
    expect((await primary.get(key))?.equals(bytes)).toBe(false);
    await primary.staging.publish(FILE_ID, await stageAll(primary, [CHUNKS[0]!]));
    expect((await primary.get(key))?.equals(bytes)).toBe(true);
    expect(fs.durableBytes(primary.pathOf(key))?.equals(bytes)).toBe(true);
  });

  it('rests on no bytes that another upload left un-synced', async () => {
    const { fs, primary } = await crashPrimary();
    const { key, bytes } = CHUNKS[0]!;
    await fs.replaceFile(primary.pathOf(key), bytes, `${STORE_PATH}/staging/other.tmp`);
    await primary.staging.publish(FILE_ID, await stageAll(primary, [CHUNKS[0]!]));
    for (const { label, whole } of await afterPowerCut(fs.snapshot())) expect(whole, label).toBe(1);
  });

  it.each(['rename', 'syncDirectory'] as const)('tells its caller where %s fails', async (operation) => {
    const { fs, primary } = await crashPrimary();
    const staged = await stageAll(primary, CHUNKS);
    fs.failNext({ operation, errorCode: 'EIO', after: 3 });
    await expect(primary.staging.publish(FILE_ID, staged)).rejects.toMatchObject({ code: 'EIO' });
  });
});

describe('publishing while a sync of another one fails', () => {
  /** An upload has renamed its chunk and not synced the name yet when `fail` happens. */
  async function publishAround(fail: (primary: PrimaryStore, fs: CrashFileSystem) => Promise<void>) {
    const { fs, primary } = await crashPrimary();
    const staged = await primary.staging.stage(CHUNKS[0]!.bytes);
    const rename = fs.rename.bind(fs);
    fs.rename = async (from, to) => {
      await rename(from, to);
      fs.rename = rename;
      await fail(primary, fs);
    };
    return { primary, published: primary.staging.publish(FILE_ID, [staged]) };
  }

  it.each([
    [
      'of its directory',
      async (primary: PrimaryStore, fs: CrashFileSystem) => {
        fs.failNext({ operation: 'syncDirectory', errorCode: 'EIO' });
        await expect(primary.syncAll([CHUNKS[0]!.key])).rejects.toMatchObject({ code: 'EIO' });
      },
    ],
    [
      'of the whole file system, of which the checkpoint was told',
      (primary: PrimaryStore) => primary.applied.raiseDoubt(),
    ],
  ])('is refused, for the name may be lost: %s', async (_, fail) => {
    const { primary, published } = await publishAround(fail);
    await expect(published).rejects.toMatchObject({ code: 'EIO' });
    const again = await primary.staging.stage(CHUNKS[0]!.bytes);
    await expect(primary.staging.publish(FILE_ID, [again])).resolves.toBeUndefined();
  });

  it('goes on where that one had never been done', async () => {
    const { published } = await publishAround(async (primary, fs) => {
      fs.failNext({ operation: 'syncDirectory', errorCode: 'ENOENT' });
      await expect(primary.syncAll([CHUNKS[0]!.key])).rejects.toMatchObject({ code: 'ENOENT' });
    });
    await expect(published).resolves.toBeUndefined();
  });
});

describe('emptying staging', () => {
  it('removes what is discarded, and nothing else', async () => {
    const { fs, primary } = await crashPrimary();
    const [first, ...others] = await stageAll(primary, CHUNKS);
    await primary.staging.discard(others);
    expect(await stagingNames(fs)).toEqual([first!.stagedPath.split('/').at(-1)]);
    await primary.staging.publish(FILE_ID, [first!]);
  });

  it('removes at boot all that a killed process left, and counts it', async () => {
    const { fs, primary } = await crashPrimary();
    await stageAll(primary, CHUNKS);
    const put = primary.put(CHUNKS[0]!.key, CHUNKS[0]!.bytes);
    const next = fs.killed();
    await expect(put).rejects.toMatchObject({ code: 'ENODEV' });
    const rebooted = new PrimaryStore(next, STORE_PATH, TEST_IDENTITY);
    expect(await rebooted.staging.empty()).toBe(CHUNKS.length + 1);
    expect(await stagingNames(next)).toEqual([]);
    expect(await rebooted.staging.empty()).toBe(0);
    await rebooted.staging.publish(FILE_ID, await stageAll(rebooted, CHUNKS));
  });
});
