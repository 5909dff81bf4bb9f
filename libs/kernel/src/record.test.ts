import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeFrame, frameLength } from './frame.js';
import type { Frame } from './frame.js';
import { lsn } from './ids.js';
import type { FileId, LogId } from './ids.js';
import {
  checkpointDraft,
  decodeCheckpoint,
  decodeFileDelete,
  decodeUploadBegin,
  encodeEnvelope,
  fileDeleteDraft,
  readEnvelope,
  RECORD_TYPES,
  recordTypeOf,
  uploadBeginDraft,
} from './record.js';
import type { RecordDraft } from './record.js';

const FILE_ID = '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' as FileId;
const LOG_ID = '10900000-0000-4000-8000-000000000001' as LogId;

function frameOf({ type, flags, payloadParts }: RecordDraft): Frame {
  const target = Buffer.alloc(frameLength(payloadParts.reduce((sum, part) => sum + part.byteLength, 0)));
  const chain = { prev: 0, lsn: lsn(7), durableLsn: lsn(6), logId: LOG_ID, endMark: '0000000000000001' };
  return encodeFrame(target, 0, { ...chain, type: RECORD_TYPES[type], flags }, payloadParts);
}

const frameWith = (...payloadParts: Uint8Array[]): Frame => frameOf({ type: 'upload_begin', flags: 0, payloadParts });

const json = (text: string): Frame => {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Buffer.byteLength(text));
  return frameWith(length, Buffer.from(text));
};

function expectMalformed(call: () => unknown): void {
  const context = expect.objectContaining({ lsn: 7, log_id: LOG_ID }) as unknown;
  expect(call).toThrow(expect.objectContaining({ code: 'manifest_corrupt', context }) as Error);
}

describe('records', () => {
  it.each([
    ['upload_begin', uploadBeginDraft, decodeUploadBegin, { fileId: FILE_ID, createdAtMs: 1_764_000_000_000 }],
    ['file_delete', fileDeleteDraft, decodeFileDelete, { fileId: FILE_ID, deletedAtMs: 0 }],
    ['checkpoint', checkpointDraft, decodeCheckpoint, { checkpointLsn: lsn(Number.MAX_SAFE_INTEGER) }],
  ] as const)('%s comes back', (type, draft, decode, record) => {
    const frame = frameOf((draft as (record: unknown) => RecordDraft)(record));
    expect(recordTypeOf(frame)).toBe(type);
    expect(decode(frame)).toEqual(record);
  });

  it('keep their numbers for ever', () => {
    expect(RECORD_TYPES).toEqual({ upload_begin: 1, file_put: 2, file_delete: 3, checkpoint: 4 });
  });

  it.each([0, 5, 0xffff])('a type %i is of a later version', (type) => {
    expect(recordTypeOf({ type })).toBeUndefined();
  });

  it('ignore keys that they do not know', () => {
    expect(decodeCheckpoint(json('{"later":[1],"checkpoint_lsn":3}'))).toEqual({ checkpointLsn: 3 });
  });
});

describe('the envelope', () => {
  it('gives back any JSON object, and what follows it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue()),
        fc.uint8Array({ maxLength: 20 }),
        (object, rest) => {
          const read = readEnvelope(frameWith(encodeEnvelope(object), rest));
          expect(JSON.stringify(read.json)).toBe(JSON.stringify(object));
          expect(read.rest.equals(rest)).toBe(true);
        },
      ),
    );
  });

  it.each([
    ['an empty payload', Buffer.alloc(0)],
    ['three bytes where the length needs four', Buffer.alloc(3)],
    ['a length one above what follows', Buffer.from([3, 0, 0, 0, 0x7b, 0x7d])],
    ['the largest length', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x7b, 0x7d])],
  ])('refuses %s', (_fault, payload) => {
    expectMalformed(() => readEnvelope(frameWith(payload)));
  });

  it.each([
    ['no JSON at all', ''],
    ['JSON that is cut', '{"file_id":"'],
    ['two values', '{}{}'],
    ['an array', '[{"file_id":1}]'],
    ['null', 'null'],
    ['a number', '7'],
    ['a string', '"{}"'],
    ['true', 'true'],
  ])('refuses %s', (_fault, text) => {
    expectMalformed(() => readEnvelope(json(text)));
  });

  it('accepts an empty object with nothing behind it', () => {
    const { json: object, rest } = readEnvelope(json('{}'));
    expect(object).toEqual({});
    expect(rest).toHaveLength(0);
  });

  it('is not fooled by __proto__', () => {
    const { json: object } = readEnvelope(json('{"__proto__":{"created_at":1}}'));
    expect(object['created_at']).toBeUndefined();
  });
});

describe('a record with a field of a wrong type', () => {
  const id = `"file_id":"${FILE_ID}"`;
  it.each([
    ['upload_begin without file_id', decodeUploadBegin, '{"created_at":1}'],
    ['upload_begin with a UUIDv4', decodeUploadBegin, `{"file_id":"${LOG_ID}","created_at":1}`],
    ['upload_begin with an upper-case file_id', decodeUploadBegin, `{${id.toUpperCase()},"created_at":1}`],
    ['upload_begin with a number for file_id', decodeUploadBegin, '{"file_id":7,"created_at":1}'],
    ['upload_begin without a time', decodeUploadBegin, `{${id}}`],
    ['upload_begin with a time in text', decodeUploadBegin, `{${id},"created_at":"1"}`],
    ['file_delete with a negative time', decodeFileDelete, `{${id},"deleted_at":-1}`],
    ['file_delete with a fraction', decodeFileDelete, `{${id},"deleted_at":1.5}`],
    ['file_delete with null', decodeFileDelete, `{${id},"deleted_at":null}`],
    ['checkpoint with 2^53', decodeCheckpoint, '{"checkpoint_lsn":9007199254740992}'],
    ['checkpoint with a list', decodeCheckpoint, '{"checkpoint_lsn":[1]}'],
    ['checkpoint without its LSN', decodeCheckpoint, '{}'],
  ])('is refused: %s', (_fault, decode, text) => {
    expectMalformed(() => decode(json(text)));
  });
});
