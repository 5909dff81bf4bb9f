import { encodeFrame, fileDeleteDraft, frameLength, lsn, manifestDraft, newFileId, RECORD_TYPES } from '#libs/kernel';
import type { ChunkId, LogId, RecordDraft } from '#libs/kernel';
import { hash } from 'node:crypto';
import { expect, it } from 'vitest';
import { verdictOf } from './object-verdict.js';

const LOG_ID = '109109e0-0000-4000-8000-000000000001' as LogId;
const FILE_ID = newFileId(1_000);

function frameOf({ type, flags, payloadParts }: RecordDraft): Buffer {
  const payloadBytes = payloadParts.reduce((sum, part) => sum + part.byteLength, 0);
  const place = { prev: 1, lsn: lsn(2), durableLsn: lsn(1), logId: LOG_ID, endMark: '0102030405060708' };
  const fields = { ...place, type: RECORD_TYPES[type], flags };
  return encodeFrame(Buffer.alloc(frameLength(payloadBytes)), 0, fields, payloadParts).bytes;
}

function inlineManifest(text: string, sha256 = hash('sha256', text)): Buffer {
  const bytes = Buffer.from(text);
  const file = { fileId: FILE_ID, fileName: 'a', fileSize: bytes.length, contentType: '', createdAtMs: 1, sha256 };
  const rest = { mode: 'async', wait: 0, chunkSize: 1024, content: { kind: 'inline', bytes }, unknown: {} } as const;
  return frameOf(manifestDraft({ ...file, ...rest }));
}

const chunkId = (bytes: Buffer): ChunkId => hash('sha256', bytes) as ChunkId;
const stateOf = async (...[key, bytes]: Parameters<typeof verdictOf>): Promise<string> =>
  (await verdictOf(key, bytes)).state;

// Below and above what is hashed on the spot.
it.each([0, 1, 1_000, 65_536, 300_000])(
  'a chunk of %i bytes is whole as long as it is what it is named',
  async (size) => {
    const bytes = Buffer.alloc(size, 3);
    const key = { kind: 'chunk', id: chunkId(bytes) } as const;
    expect(await stateOf(key, bytes)).toBe('whole');
    const longer = Buffer.concat([bytes, Buffer.alloc(1)]);
    expect(await stateOf(key, longer)).toBe('corrupt');
    expect(await stateOf(key, longer.subarray(0, Math.max(0, size - 1)))).toBe(size === 0 ? 'whole' : 'corrupt');
  },
);

it('a manifest is its frame and, where the file is in it, the digest of its bytes', async () => {
  const key = { kind: 'manifest', id: FILE_ID } as const;
  expect(await stateOf(key, inlineManifest('bytes'))).toBe('whole');
  expect(await stateOf(key, inlineManifest('other bytes', hash('sha256', 'bytes')))).toBe('corrupt');
  expect(await stateOf({ ...key, id: newFileId(2_000) }, inlineManifest('bytes'))).toBe('corrupt');
  const bytes = inlineManifest('bytes');
  expect(await stateOf(key, bytes.subarray(0, -8))).toBe('corrupt');
  expect(await stateOf(key, Buffer.alloc(0))).toBe('corrupt');
});

it('a tombstone is its frame, and no manifest', async () => {
  const key = { kind: 'tombstone', id: FILE_ID } as const;
  expect(await stateOf(key, frameOf(fileDeleteDraft({ fileId: FILE_ID, deletedAtMs: 1 })))).toBe('whole');
  expect(await stateOf(key, inlineManifest('bytes'))).toBe('corrupt');
});
