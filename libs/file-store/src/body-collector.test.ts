import type { CrashFileSystem } from '#libs/durable-fs/testing';
import { StoreError } from '#libs/kernel';
import { crashPrimary, STORE_PATH } from '#libs/stores/testing';
import type { CrashPrimary } from '#libs/stores/testing';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { BodyCollector } from './body-collector.js';
import type { BodyLimits, CollectedBody } from './body-collector.js';
import type { SpaceClaim } from './disk-reserve.js';
import { StagingWindow } from './staging-window.js';
import { TransferBuffers } from './transfer-buffers.js';

const CHUNK_BYTES = 64;
const INLINE_MAX = 24;
const LIMITS: BodyLimits = {
  chunkSizeBytes: CHUNK_BYTES,
  inlineMaxBytes: INLINE_MAX,
  maxBytes: 10 * CHUNK_BYTES,
  declaredBytes: undefined,
  digests: [],
};

const ENDLESS_SPACE: SpaceClaim = { spend: async () => undefined, release: () => undefined };

const bodyBytes = (size: number): Buffer =>
  Buffer.from(Array.from({ length: size }, (_, at) => (at * 13 + (at >> 6)) % 251));

async function* inPieces(bytes: Buffer, sizes: readonly number[], failure?: unknown): AsyncGenerator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const size = sizes[turn % sizes.length] ?? 1;
    // The memory of a piece is the transport's again once the next is asked for.
    const piece = Buffer.from(bytes.subarray(at, at + size));
    yield piece;
    piece.fill(0xee);
    at += size;
  }
  if (failure !== undefined) throw failure as Error;
}

interface Upload {
  readonly fs: CrashFileSystem;
  readonly buffers: TransferBuffers;
  readonly window: StagingWindow;
  /** How many chunk files there were in staging when the body turned out to be large. */
  readonly largeAt: number[];
  readonly collect: (body: AsyncIterable<Buffer>, limits?: Partial<BodyLimits>) => Promise<CollectedBody>;
  readonly staged: () => Promise<string[]>;
}

function startUpload({ fs, primary }: CrashPrimary, room = 4, space = ENDLESS_SPACE): Upload {
  const buffers = new TransferBuffers({ budgetBytes: room * CHUNK_BYTES, pooledSizeBytes: CHUNK_BYTES, waitMs: 20 });
  const window = new StagingWindow({ primary, buffers, space, chunkSizeBytes: CHUNK_BYTES });
  const largeAt: number[] = [];
  return {
    fs,
    buffers,
    window,
    largeAt,
    staged: () => fs.readDirectory(`${STORE_PATH}/staging`),
    collect: (body, limits = {}) => {
      const onLarge = (): void =>
        void largeAt.push(Object.keys(fs.tree()).filter((path) => path.endsWith('.tmp')).length);
      return new BodyCollector(window, { ...LIMITS, ...limits }, onLarge).collect(body);
    },
  };
}

/** The bytes of a collected body, read from memory or from staging. */
async function contentOf({ fs }: Upload, { inline, staged }: CollectedBody): Promise<Buffer> {
  const chunks = await Promise.all(staged.map(({ stagedPath }) => fs.readFile(stagedPath)));
  return inline ?? Buffer.concat(chunks);
}

const BORDERS = [0, 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1];
const CHUNK_BORDERS = [1, 2, 5].flatMap((count) => [
  count * CHUNK_BYTES - 1,
  count * CHUNK_BYTES,
  count * CHUNK_BYTES + 1,
]);

async function expectCollected(upload: Upload, bytes: Buffer, collected: CollectedBody): Promise<void> {
  expect(collected.sizeBytes).toBe(bytes.length);
  expect(collected.sha256).toBe(createHash('sha256').update(bytes).digest('hex'));
  expect((await contentOf(upload, collected)).equals(bytes)).toBe(true);
  const isLarge = bytes.length > INLINE_MAX;
  expect(collected.inline === undefined).toBe(isLarge);
  expect(upload.largeAt).toEqual(isLarge ? [0] : []);
  const lengths = collected.staged.map(({ entry }) => entry.lengthBytes);
  expect(lengths).toHaveLength(isLarge ? Math.ceil(bytes.length / CHUNK_BYTES) : 0);
  expect(lengths.slice(0, -1).filter((length) => length !== CHUNK_BYTES)).toEqual([]);
  expect(upload.buffers.usedBytes).toBeLessThanOrEqual(4 * CHUNK_BYTES);
  await upload.window.dispose();
  expect(upload.buffers.usedBytes).toBe(0);
}

describe('collecting a body', () => {
  it.each([...BORDERS, ...CHUNK_BORDERS])(
    'of %i bytes, in one piece, in single bytes and in odd ones',
    async (size) => {
      const bytes = bodyBytes(size);
      for (const sizes of [[1000], [1], [7], [CHUNK_BYTES], [INLINE_MAX, CHUNK_BYTES]]) {
        for (const declaredBytes of [undefined, size]) {
          const upload = startUpload(await crashPrimary());
          await expectCollected(upload, bytes, await upload.collect(inPieces(bytes, sizes), { declaredBytes }));
        }
      }
    },
  );

  it('gives any body back from any pieces, with room for as little as one chunk', async () => {
    const anySize = fc.oneof(fc.nat({ max: 6 * CHUNK_BYTES }), fc.constantFrom(...BORDERS, ...CHUNK_BORDERS));
    const anyPieces = fc.array(fc.integer({ min: 1, max: 3 * CHUNK_BYTES }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        anySize,
        anyPieces,
        fc.boolean(),
        fc.integer({ min: 1, max: 6 }),
        async (size, pieces, isDeclared, room) => {
          const bytes = bodyBytes(size);
          const upload = startUpload(await crashPrimary(), room);
          const declaredBytes = isDeclared ? size : undefined;
          await expectCollected(upload, bytes, await upload.collect(inPieces(bytes, pieces), { declaredBytes }));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('takes no whole chunk of memory for a small file of known length', async () => {
    const upload = startUpload(await crashPrimary());
    await upload.collect(inPieces(bodyBytes(10), [3]), { declaredBytes: 10 });
    expect(upload.buffers.usedBytes).toBe(10);
    await upload.window.dispose();
  });

  it('ignores empty pieces', async () => {
    async function* body(): AsyncGenerator<Buffer> {
      for (const piece of ['', 'ab', '', 'c', '']) yield Buffer.from(piece);
    }
    const { inline } = await startUpload(await crashPrimary()).collect(body(), { declaredBytes: 3 });
    expect(inline?.toString()).toBe('abc');
  });

  it('keeps everything whole where the inline limit is a chunk', async () => {
    const upload = startUpload(await crashPrimary());
    const { inline } = await upload.collect(inPieces(bodyBytes(CHUNK_BYTES), [10]), { inlineMaxBytes: CHUNK_BYTES });
    expect(inline?.equals(bodyBytes(CHUNK_BYTES))).toBe(true);
    await upload.window.dispose();
  });

  it('stages everything but the empty file where nothing may be inline', async () => {
    for (const size of [0, 1]) {
      const upload = startUpload(await crashPrimary());
      const { inline, staged } = await upload.collect(inPieces(bodyBytes(size), [1]), { inlineMaxBytes: 0 });
      expect([inline?.length, staged.length]).toEqual(size === 0 ? [0, 0] : [undefined, 1]);
      await upload.window.dispose();
    }
  });
});

describe('a body that is refused', () => {
  /** Collects, expecting a refusal; then all memory is back and what was staged is known, so that it can be discarded. */
  async function refusalOf(
    upload: Upload,
    body: AsyncIterable<Buffer>,
    limits?: Partial<BodyLimits>,
  ): Promise<unknown> {
    const refusal = await upload.collect(body, limits).catch((error: unknown) => error);
    const staged = await upload.window.dispose();
    expect(upload.buffers.usedBytes).toBe(0);
    expect((await upload.staged()).length).toBe(staged.length);
    return refusal;
  }

  it.each([0, 1, INLINE_MAX, INLINE_MAX + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 1])(
    'breaks off after %i bytes',
    async (size) => {
      const upload = startUpload(await crashPrimary());
      const cause = Object.assign(new Error('aborted'), { code: 'ECONNRESET' });
      const refusal = await refusalOf(upload, inPieces(bodyBytes(size), [17], cause));
      expect(refusal).toMatchObject({ code: 'upload_incomplete', cause });
    },
  );

  it('breaks off with a reason of ours, which is kept', async () => {
    const upload = startUpload(await crashPrimary());
    const reason = new StoreError('shutting_down', 'The server is shutting down.');
    expect(await refusalOf(upload, inPieces(bodyBytes(100), [17], reason))).toBe(reason);
  });

  it('is shorter than declared', async () => {
    for (const [size, declaredBytes] of [
      [0, 1],
      [5, 6],
      [INLINE_MAX, INLINE_MAX + 1],
      [100, 300],
      [128, 129],
    ] as const) {
      const upload = startUpload(await crashPrimary());
      const refusal = await refusalOf(upload, inPieces(bodyBytes(size), [17]), { declaredBytes });
      expect(refusal, `${size} of ${declaredBytes}`).toMatchObject({ code: 'upload_incomplete' });
    }
  });

  it('is longer than declared', async () => {
    for (const [size, declaredBytes] of [
      [20, 10],
      [1, 0],
      [INLINE_MAX + 1, INLINE_MAX],
      [100, 99],
      [300, 30],
      [129, 128],
    ] as const) {
      const upload = startUpload(await crashPrimary());
      const refusal = await refusalOf(upload, inPieces(bodyBytes(size), [17]), { declaredBytes });
      expect(refusal, `${size} of ${declaredBytes}`).toMatchObject({ code: 'upload_incomplete' });
    }
  });

  it('has another digest than was said', async () => {
    for (const size of [0, INLINE_MAX, INLINE_MAX + 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 1]) {
      for (const [algorithm, name] of [
        ['sha-256', 'sha256'],
        ['md5', 'md5'],
      ] as const) {
        const upload = startUpload(await crashPrimary());
        const digest = createHash(name).update('other').digest();
        const refusal = await refusalOf(upload, inPieces(bodyBytes(size), [17]), {
          digests: [{ field: 'Content-Digest', algorithm, digest }],
        });
        const actual = createHash(name).update(bodyBytes(size)).digest('base64');
        expect(refusal).toMatchObject({ code: 'digest_mismatch', context: { algorithm, actual } });
      }
    }
  });

  it('is too large, as soon as that shows', async () => {
    const upload = startUpload(await crashPrimary());
    let asked = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      for (; ; asked += 1) yield bodyBytes(10);
    }
    const refusal = await refusalOf(upload, endless(), { maxBytes: 200 });
    expect(refusal).toMatchObject({ code: 'file_too_large', context: { limit_bytes: 200 } });
    expect(asked).toBe(20);
  });

  it('is as large as is accepted, and one byte more', async () => {
    const accepted = startUpload(await crashPrimary());
    const body = await accepted.collect(inPieces(bodyBytes(200), [17]), { maxBytes: 200 });
    await expectCollected(accepted, bodyBytes(200), body);
    const refused = startUpload(await crashPrimary());
    const refusal = await refusalOf(refused, inPieces(bodyBytes(201), [17]), { maxBytes: 200 });
    expect(refusal).toMatchObject({ code: 'file_too_large' });
  });

  it.each(['create', 'write', 'dataSync'] as const)('cannot be staged: %s fails', async (operation) => {
    for (const [after, room] of [
      [0, 1],
      [0, 4],
      [2, 1],
      [2, 4],
      [4, 4],
    ] as const) {
      const upload = startUpload(await crashPrimary(), room);
      upload.fs.failNext({ operation, errorCode: 'ENOSPC', after, pathPattern: /staging/ });
      const refusal = await refusalOf(upload, inPieces(bodyBytes(5 * CHUNK_BYTES), [17]));
      expect(refusal, `after ${after}, room for ${room}`).toMatchObject({ code: 'ENOSPC' });
    }
  });

  it('meets a full disk between two chunks', async () => {
    const full = new StoreError('disk_reserve', 'The disk is full up to its reserve.');
    let left = 2;
    const spend = (): Promise<void> => (left-- > 0 ? Promise.resolve() : Promise.reject(full));
    const upload = startUpload(await crashPrimary(), 4, { spend, release: () => undefined });
    expect(await refusalOf(upload, inPieces(bodyBytes(5 * CHUNK_BYTES), [17]))).toBe(full);
  });

  it('finds no memory', async () => {
    const upload = startUpload(await crashPrimary(), 1);
    const held = await upload.buffers.take(CHUNK_BYTES);
    const refusal = await upload.collect(inPieces(bodyBytes(10), [17])).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ code: 'overloaded' });
    held.release();
    await upload.window.dispose();
    expect(upload.buffers.usedBytes).toBe(0);
  });
});

describe('the staging window', () => {
  it('lets an upload hold no more than four chunks of memory', async () => {
    const upload = startUpload(await crashPrimary(), 20);
    let most = 0;
    async function* body(): AsyncGenerator<Buffer> {
      for await (const piece of inPieces(bodyBytes(9 * CHUNK_BYTES), [CHUNK_BYTES])) {
        most = Math.max(most, upload.buffers.usedBytes);
        yield piece;
      }
    }
    const collected = await upload.collect(body());
    expect(most).toBe(4 * CHUNK_BYTES);
    expect(collected.staged).toHaveLength(9);
    await upload.window.dispose();
  });

  it('gives the memory back when it is disposed of while chunks are under way, and knows what they became', async () => {
    const upload = startUpload(await crashPrimary());
    for (let index = 0; index < 3; index += 1) {
      const buffer = index === 0 ? await upload.window.firstBuffer(CHUNK_BYTES) : await upload.window.nextBuffer();
      buffer.bytes.fill(index);
      upload.window.stage(buffer, CHUNK_BYTES - index);
    }
    expect(upload.buffers.usedBytes).toBe(3 * CHUNK_BYTES);
    const staged = await upload.window.dispose();
    expect(upload.buffers.usedBytes).toBe(0);
    expect(staged.map(({ entry }) => entry.lengthBytes)).toEqual([CHUNK_BYTES, CHUNK_BYTES - 1, CHUNK_BYTES - 2]);
    expect(await upload.staged()).toHaveLength(3);
  });
});
