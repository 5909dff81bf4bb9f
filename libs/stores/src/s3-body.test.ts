import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { readBody } from './s3-body.js';
import type { BodyReading } from './s3-body.js';

function read(pieces: readonly string[], reading: Partial<BodyReading> = {}): Promise<Buffer> {
  const body = Readable.from(pieces.map((piece) => Buffer.from(piece)));
  const signal = new AbortController().signal;
  return readBody(body, { signal, sizeBytes: pieces.join('').length, skipBytes: 0, limitBytes: 100, ...reading });
}

describe('a body', () => {
  it.each<[string, readonly string[], Partial<BodyReading>, string]>([
    ['in one piece', ['abc'], {}, 'abc'],
    ['in pieces', ['ab', 'c', 'def'], {}, 'abcdef'],
    ['that is empty', [], {}, ''],
    ['of unannounced length', ['ab', 'c'], { sizeBytes: undefined }, 'abc'],
    ['longer than wanted', ['abc', 'def'], { limitBytes: 4 }, 'abcd'],
    ['given whole where a part was asked for', ['abc', 'def', 'ghi'], { skipBytes: 2, limitBytes: 5 }, 'cdefg'],
    ['given whole and ending before the part', ['abc'], { skipBytes: 5, limitBytes: 5 }, ''],
  ])('%s', async (_what, pieces, reading, expected) => {
    expect((await read(pieces, reading)).toString()).toBe(expected);
    const into = Buffer.alloc(reading.limitBytes ?? 100, '-');
    const filled = await read(pieces, { ...reading, into });
    expect(filled.toString()).toBe(expected);
    expect(into.toString()).toBe(expected.padEnd(into.length, '-'));
  });

  it('that ends before its announced length is none', async () => {
    await expect(read(['abc'], { sizeBytes: 4 })).rejects.toThrow('ended after 3 of 4 bytes');
  });

  it('that stops coming is left at the signal', async () => {
    const body = new Readable({ read: () => undefined });
    body.push(Buffer.from('abc'));
    const reading = { signal: AbortSignal.timeout(20), sizeBytes: 10, skipBytes: 0, limitBytes: 100 };
    await expect(readBody(body, reading)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
