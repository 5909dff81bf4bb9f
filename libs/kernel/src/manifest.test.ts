import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, frameLength } from './frame.js';
import type { Frame } from './frame.js';
import { lsn } from './ids.js';
import type { ChunkId, FileId, LogId } from './ids.js';
import { CHUNK_ENTRY_BYTES, chunkCount, decodeManifest, FLAG_INLINE, manifestDraft } from './manifest.js';
import type { ChunkEntry, Manifest } from './manifest.js';
import { encodeEnvelope, readEnvelope, RECORD_TYPES } from './record.js';
import type { JsonObject, RecordDraft } from './record.js';

const CHUNK: ChunkEntry = { chunkId: 'c4'.repeat(32) as ChunkId, lengthBytes: 10, storedBytes: 10, checksum: 7 };
const INLINE: Manifest = {
  fileId: '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' as FileId,
  fileName: '../a name.txt',
  fileSize: 5,
  contentType: 'text/plain',
  sha256: 'ab'.repeat(32),
  createdAtMs: 1_764_000_000_000,
  mode: 'async',
  wait: 0,
  chunkSize: 1024,
  content: { kind: 'inline', bytes: Buffer.from('hello') },
  unknown: {},
};
const CHUNKED: Manifest = { ...INLINE, fileSize: 20, content: { kind: 'chunks', chunks: [CHUNK, CHUNK] } };

function frameOf({ type, flags, payloadParts }: RecordDraft): Frame {
  const target = Buffer.alloc(frameLength(payloadParts.reduce((sum, part) => sum + part.byteLength, 0)));
  const logId = '10900000-0000-4000-8000-000000000001' as LogId;
  const chain = { prev: 0, lsn: lsn(7), durableLsn: lsn(6), logId, endMark: '0000000000000001' };
  return encodeFrame(target, 0, { ...chain, type: RECORD_TYPES[type], flags }, payloadParts);
}

/** The frame of `manifest` with some keys of its JSON replaced; undefined leaves a key out. */
function frameWith(manifest: Manifest, changes: JsonObject, rest?: Buffer, flags?: number): Frame {
  const draft = manifestDraft(manifest);
  const read = readEnvelope(frameOf(draft));
  const payloadParts = [encodeEnvelope({ ...read.json, ...changes }), rest ?? read.rest];
  return frameOf({ ...draft, flags: flags ?? draft.flags, payloadParts });
}

const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const sha256 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((digest) => Buffer.from(digest).toString('hex'));
const anyChunk: fc.Arbitrary<ChunkEntry> = fc
  .record({ chunkId: sha256, lengthBytes: u32, checksum: u32 })
  .map((chunk) => ({ ...chunk, chunkId: chunk.chunkId as ChunkId, storedBytes: chunk.lengthBytes }));
const anyContent = fc.oneof(
  fc.uint8Array({ maxLength: 100 }).map((bytes) => ({ kind: 'inline' as const, bytes: Buffer.from(bytes) })),
  fc.array(anyChunk, { maxLength: 20 }).map((chunks) => ({ kind: 'chunks' as const, chunks })),
);
const unknownKey = fc.string({ minLength: 1 }).map((key) => `later_${key}`);
const anyManifest: fc.Arbitrary<Manifest> = fc
  .record({
    fileId: fc.uuid({ version: 7 }).map((id) => id as FileId),
    fileName: fc.string({ unit: 'grapheme', minLength: 1 }),
    contentType: fc.string(),
    sha256,
    createdAtMs: fc.maxSafeNat(),
    mode: fc.constantFrom('async' as const, 'sync' as const),
    wait: fc.nat(),
    chunkSize: fc.maxSafeNat(),
    idempotencyKey: fc.option(fc.string({ minLength: 1 }), { nil: undefined }),
    content: anyContent,
    unknown: fc
      .dictionary(unknownKey, fc.jsonValue())
      .map((object) => JSON.parse(JSON.stringify(object)) as JsonObject),
  })
  .map((manifest) => ({ ...manifest, fileSize: sizeOf(manifest) }));

function sizeOf({ content }: Pick<Manifest, 'content'>): number {
  if (content.kind === 'inline') return content.bytes.length;
  return content.chunks.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
}

describe('a manifest', () => {
  it('comes back as it went in, inline or in chunks, with the keys it does not know', () => {
    fc.assert(
      fc.property(anyManifest, (manifest) => {
        const draft = manifestDraft(manifest);
        expect(draft.type).toBe('file_put');
        const decoded = decodeManifest(frameOf(draft));
        expect(decoded).toEqual(manifest);
        // Written again it is the same bytes, so that a copy can be compared with its original.
        expect(Buffer.concat(manifestDraft(decoded).payloadParts).equals(Buffer.concat(draft.payloadParts))).toBe(true);
      }),
    );
  });

  it('keeps keys of a later version in place of none, and passes them on', () => {
    const attributes = { owner: 'someone', deep: { list: [1, null, 'two'] } };
    const decoded = decodeManifest(frameWith(INLINE, { attributes, other_key: 'k-1' }));
    expect(decoded).toEqual({ ...INLINE, unknown: { attributes, other_key: 'k-1' } });
    expect(decodeManifest(frameOf(manifestDraft(decoded)))).toEqual(decoded);
  });

  it('lets inline bytes share the memory of its frame', () => {
    const frame = frameOf(manifestDraft(INLINE));
    const { content } = decodeManifest(frame);
    expect(content.kind === 'inline' && content.bytes.buffer).toBe(frame.bytes.buffer);
  });

  it('spends 44 bytes on a chunk', () => {
    const [, table] = manifestDraft(CHUNKED).payloadParts;
    expect(CHUNK_ENTRY_BYTES).toBe(44);
    expect(table).toHaveLength(88);
  });

  it.each([
    ['an empty inline file', { ...INLINE, fileSize: 0, content: { kind: 'inline', bytes: Buffer.alloc(0) } }, 0],
    ['inline bytes', INLINE, 1],
    ['no chunk', { ...CHUNKED, fileSize: 0, content: { kind: 'chunks', chunks: [] } }, 0],
    ['two chunks', CHUNKED, 2],
  ] as const)('counts the pieces to fetch: %s', (_name, manifest, count) => {
    expect(chunkCount(decodeManifest(frameOf(manifestDraft(manifest))))).toBe(count);
  });
});

describe('a malformed manifest', () => {
  it.each<[string, Frame]>([
    ['inline bytes one short of file_size', frameWith(INLINE, { file_size: 6 })],
    ['inline bytes one longer than file_size', frameWith(INLINE, { file_size: 4 })],
    ['no inline bytes', frameWith(INLINE, {}, Buffer.alloc(0))],
    ['chunks that add up to less than file_size', frameWith(CHUNKED, { file_size: 21 })],
    ['chunks that add up to more than file_size', frameWith(CHUNKED, { file_size: 19 })],
    ['a chunk table without its last entry', frameWith(CHUNKED, {}, Buffer.alloc(44))],
    ['a chunk table cut within an entry', frameWith(CHUNKED, {}, Buffer.alloc(87))],
    ['an inline file read as a chunk table', frameWith(INLINE, {}, undefined, 0)],
    ['a chunk table read as an inline file', frameWith(CHUNKED, {}, undefined, FLAG_INLINE)],
    ['a codec of a later version', frameWith(INLINE, { codec: 1 })],
    ['no codec', frameWith(INLINE, { codec: undefined })],
    ['a mode that does not exist', frameWith(INLINE, { mode: 'quorum' })],
    ['no mode', frameWith(INLINE, { mode: undefined })],
    ['a mode inherited from nowhere', frameWith(INLINE, { mode: 'constructor' })],
    ['a file_id that is none', frameWith(INLINE, { file_id: 'x' })],
    ['an idempotency_key that is a number', frameWith(INLINE, { idempotency_key: 7 })],
    ['a file_name that is a number', frameWith(INLINE, { file_name: 7 })],
    ['a file_size in text', frameWith(INLINE, { file_size: '5' })],
    ['a negative file_size', frameWith(INLINE, { file_size: -5 })],
    ['a file_size above 2^53', frameWith(INLINE, { file_size: 2 ** 53 })],
    ['no content_type', frameWith(INLINE, { content_type: undefined })],
    ['a sha256 that is null', frameWith(INLINE, { sha256: null })],
    ['a created_at in text', frameWith(INLINE, { created_at: 'now' })],
    ['a wait of one half', frameWith(INLINE, { wait: 0.5 })],
    ['no chunk_size', frameWith(INLINE, { chunk_size: undefined })],
  ])('is refused: %s', (_fault, frame) => {
    expect(() => decodeManifest(frame)).toThrow(expect.objectContaining({ code: 'manifest_corrupt' }) as Error);
  });

  it('a chunk whose length no u32 holds cannot be written', () => {
    const chunks = [{ ...CHUNK, lengthBytes: 2 ** 32 }];
    expect(() => manifestDraft({ ...CHUNKED, content: { kind: 'chunks', chunks } })).toThrow(RangeError);
  });
});
