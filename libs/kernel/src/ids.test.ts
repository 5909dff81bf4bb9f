import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isChunkId,
  isFileId,
  isUuid,
  lsn,
  newFileId,
  newUuid,
  nextLsn,
  NO_LSN,
  parseFileId,
  uuidFromBytes,
  uuidToBytes,
} from './ids.js';

const V7 = '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f';

describe('a new file id', () => {
  it('is a UUIDv7: 48 bits of time, version 7, variant 10', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 48 - 1 }), (nowMs) => {
        const id = newFileId(nowMs);
        const bytes = uuidToBytes(id);
        expect(isFileId(id)).toBe(true);
        expect(bytes.readUIntBE(0, 6)).toBe(nowMs);
        expect(bytes[6]! >> 4).toBe(7);
        expect(bytes[8]! >> 6).toBe(0b10);
      }),
    );
  });

  it('differs within one millisecond, in all of its 74 random bits', () => {
    const ids = Array.from({ length: 2000 }, () => newFileId(1_764_000_000_000));
    expect(new Set(ids).size).toBe(2000);
    const seen = ids.map(uuidToBytes);
    for (let byte = 6; byte < 16; byte += 1) {
      const fixed = byte === 6 ? 0xf0 : byte === 8 ? 0xc0 : 0;
      const ones = seen.reduce((bits, id) => bits | id[byte]!, 0);
      const zeros = seen.reduce((bits, id) => bits | (id[byte]! ^ 0xff), 0);
      expect(ones & zeros, `byte ${byte}`).toBe(0xff ^ fixed);
    }
  });

  it('sorts by time', () => {
    expect(newFileId(1_764_000_000_000) < newFileId(1_764_000_000_001)).toBe(true);
  });

  it('refuses a time that 48 bits do not hold', () => {
    expect(() => newFileId(2 ** 48)).toThrow(RangeError);
    expect(() => newFileId(-1)).toThrow(RangeError);
  });
});

describe('parseFileId', () => {
  it.each([
    ['lower case', V7],
    ['upper case', V7.toUpperCase()],
    ['mixed case', V7.replace('a', 'A')],
    ['every variant digit', V7.replace('-9', '-8')],
  ])('accepts a UUIDv7 in %s, as lower case', (_name, text) => {
    expect(parseFileId(text)).toBe(text.toLowerCase());
  });

  it.each([
    ['nothing', ''],
    ['a UUIDv4', '01932b7e-8a2c-4c3d-9e4f-5a6b7c8d9e0f'],
    ['another variant', '01932b7e-8a2c-7c3d-ce4f-5a6b7c8d9e0f'],
    ['no hyphens', V7.replaceAll('-', '')],
    ['braces', `{${V7}}`],
    ['a prefix', `urn:uuid:${V7}`],
    ['a space behind', `${V7} `],
    ['a line feed behind', `${V7}\n`],
    ['a digit too few', V7.slice(0, -1)],
    ['a digit too many', `${V7}0`],
    ['a letter that is no digit', V7.replace('0', 'g')],
    ['a full-width digit', V7.replace('0', '\uff10')],
    ['a path', `../../${V7}`],
  ])('refuses %s', (_name, text) => {
    expect(() => parseFileId(text)).toThrow(expect.objectContaining({ code: 'invalid_file_id' }) as Error);
  });
});

describe('the shapes of ids', () => {
  it('tells them apart', () => {
    expect(isFileId(V7)).toBe(true);
    expect(isFileId(V7.toUpperCase())).toBe(false);
    expect(isUuid(V7)).toBe(true);
    expect(isUuid(newUuid())).toBe(true);
    expect(isUuid(V7.toUpperCase())).toBe(false);
    for (const other of [undefined, null, 7, {}, [V7], '', `${V7}\n`]) expect(isUuid(other)).toBe(false);
    expect(isChunkId('ab'.repeat(32))).toBe(true);
    for (const other of ['', 'ab'.repeat(31), 'AB'.repeat(32), `${'ab'.repeat(32)}\n`, '../'.repeat(21) + 'x']) {
      expect(isChunkId(other)).toBe(false);
    }
  });

  it('a UUID comes back from its 16 bytes, at any offset', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat({ max: 9 }), (uuid, offset) => {
        const bytes = Buffer.alloc(offset + 16);
        bytes.set(uuidToBytes(uuid), offset);
        expect(uuidFromBytes(bytes, offset)).toBe(uuid);
      }),
    );
  });
});

describe('lsn', () => {
  it('counts from 0, which is before the first, to 2^53 - 1', () => {
    expect(nextLsn(NO_LSN)).toBe(1);
    expect(lsn(Number.MAX_SAFE_INTEGER)).toBe(Number.MAX_SAFE_INTEGER);
    expect(() => nextLsn(lsn(Number.MAX_SAFE_INTEGER))).toThrow(RangeError);
  });

  it.each([-1, 0.5, Number.NaN, Infinity, 2 ** 53])('refuses %d', (value) => {
    expect(() => lsn(value)).toThrow(RangeError);
  });
});
