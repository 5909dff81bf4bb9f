import { describe, expect, it } from 'vitest';
import {
  MAX_BYTES_AFTER_FILE,
  MAX_BYTES_BEFORE_FILE,
  MAX_PART_HEADER_BYTES,
  MAX_PART_HEADER_FIELDS,
  MAX_PARTS,
  openFilePart,
} from './multipart-body.js';

const BOUNDARY = 'b0undary';
const FILE = 'form-data; name="f"; filename="a.txt"';

const part = (disposition: string, content: string, type?: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: ${disposition}\r\n${type === undefined ? '' : `Content-Type: ${type}\r\n`}` +
  `\r\n${content}\r\n`;
const field = (name: string, value: string) => part(`form-data; name="${name}"`, value);
const END = `--${BOUNDARY}--\r\n`;

async function* inPieces(text: string, pieceBytes: number): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text, 'latin1');
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

async function readFile(body: AsyncIterable<Buffer>) {
  const file = await openFilePart(body, BOUNDARY);
  try {
    const pieces: Buffer[] = [];
    for await (const piece of file.bytes) pieces.push(piece);
    return {
      fileName: file.fileName,
      contentType: file.contentType,
      content: Buffer.concat(pieces).toString('latin1'),
    };
  } finally {
    file.close();
  }
}

const code = (expected: string) => expect.objectContaining({ code: expected });

const BINARY = `\r\n--${BOUNDARY.slice(0, -1)}\r\n--\u0000\u00ff\r\n\r`;

const WELL_FORMED: Array<[what: string, body: string, content: string]> = [
  ['one file', part(FILE, 'hello', 'text/plain') + END, 'hello'],
  ['an empty file', part(FILE, '') + END, ''],
  ['one byte', part(FILE, 'x') + END, 'x'],
  ['bytes that look like a boundary', part(FILE, BINARY) + END, BINARY],
  ['fields before the file', field('a', '1') + field('b', '') + part(FILE, 'hello') + END, 'hello'],
  ['fields behind the file', part(FILE, 'hello') + field('a', '1') + END, 'hello'],
  ['a second file', part(FILE, 'first') + part(FILE, 'second') + END, 'first'],
  ['a preamble and an epilogue', `preamble\r\n${part(FILE, 'hello')}${END}epilogue`, 'hello'],
  ['no line break at the end', part(FILE, 'hello') + END.trimEnd(), 'hello'],
  ['a part without a header', `--${BOUNDARY}\r\n\r\nstray\r\n${part(FILE, 'hello')}${END}`, 'hello'],
];

describe('openFilePart', () => {
  // More than the parser hands on before it waits, in the very piece in which the form ends.
  it.each([
    ['and nothing more', ''],
    ['a field behind it', field('a', '1')],
    ['an epilogue behind it', 'epilogue'],
  ])('reads a file whose end comes with much of it, %s', async (_what, behind) => {
    const content = 'x'.repeat(300_000);
    const isEpilogue = behind === 'epilogue';
    const body = isEpilogue ? part(FILE, content) + END + behind : part(FILE, content) + behind + END;
    for (const pieceBytes of [1_000_000, 250_000, 299_990]) {
      expect(await readFile(inPieces(body, pieceBytes))).toMatchObject({ content });
    }
  });

  describe.each([1, 2, 7, 64 * 1024])('in pieces of %i bytes', (pieceBytes) => {
    it.each(WELL_FORMED)('reads %s', async (_what, body, content) => {
      const file = await readFile(inPieces(body, pieceBytes));
      expect(file).toMatchObject({ fileName: 'a.txt', content });
    });

    it.each([
      ['in the file', part(FILE, 'hello').slice(0, -4)],
      ['behind the file', part(FILE, 'hello')],
      ['in the last boundary', part(FILE, 'hello') + END.slice(0, -4)],
      ['in a field behind the file', part(FILE, 'hello') + field('a', 'value').slice(0, -4)],
      ['in a header behind the file', `${part(FILE, 'hello')}--${BOUNDARY}\r\nContent-Dis`],
      ['before the file', field('a', '1')],
      ['in the header of the file', `--${BOUNDARY}\r\nContent-Disposition: form-da`],
      ['before it began', ''],
      ['without any boundary', 'just some text'],
      ['with another boundary', part(FILE, 'hello').replaceAll(BOUNDARY, 'other')],
    ])('is incomplete when it ends %s', async (_where, body) => {
      await expect(readFile(inPieces(body, pieceBytes))).rejects.toEqual(code('upload_incomplete'));
    });

    it.each([
      ['no part at all', END],
      ['fields only', field('a', '1') + field('b', '2') + END],
      ['a file that is no form data', part('attachment; filename="a"', 'x') + END],
    ])('holds no file: %s', async (_what, body) => {
      await expect(readFile(inPieces(body, pieceBytes))).rejects.toEqual(code('file_missing'));
    });
  });

  it('keeps name and content type of the first file', async () => {
    const body = part('form-data; name="f"; filename="../q%22.txt"', 'x', 'text/plain; charset=utf-8') + END;
    expect(await readFile(inPieces(body, 9))).toEqual({
      fileName: '../q".txt',
      contentType: 'text/plain; charset=utf-8',
      content: 'x',
    });
  });

  it.each([
    ['a field before the file', field('a', 'x'.repeat(MAX_BYTES_BEFORE_FILE)) + part(FILE, 'hello') + END],
    ['a preamble', 'x'.repeat(MAX_BYTES_BEFORE_FILE + 1) + part(FILE, 'hello') + END],
    ['a part behind the file', part(FILE, 'hello') + field('a', 'x'.repeat(MAX_BYTES_AFTER_FILE + 200_000)) + END],
    ['an epilogue', part(FILE, 'hello') + END + 'x'.repeat(MAX_BYTES_AFTER_FILE + 200_000)],
    [
      'the header of a part',
      part(`form-data; name="${'x'.repeat(MAX_PART_HEADER_BYTES)}"`, '') + part(FILE, 'hello') + END,
    ],
    ['one field in the header of the file', part(FILE, 'hello', 'x'.repeat(MAX_PART_HEADER_BYTES)) + END],
    ['the header of a part behind the file', part(FILE, 'hello') + part(FILE, '', 'x'.repeat(50_000)) + END],
    ['many fields in a header', part(FILE, 'hello', `x\r\n${'a: b\r\n'.repeat(MAX_PART_HEADER_FIELDS)}c: d`) + END],
    ['many parts', field('a', '').repeat(MAX_PARTS + 1) + part(FILE, 'hello') + END],
  ])('refuses too much of %s', async (_what, body) => {
    await expect(readFile(inPieces(body, 64 * 1024))).rejects.toEqual(code('payload_too_large'));
  });

  it('says that the connection ended where the body throws', async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield Buffer.from(part(FILE, 'hello').slice(0, -8));
      throw new Error('cut');
    }
    await expect(readFile(broken())).rejects.toMatchObject({ code: 'upload_incomplete', cause: { message: 'cut' } });
  });

  it('reads no further than whoever stores the file', async () => {
    let producedBytes = 0;
    async function* endless(): AsyncGenerator<Buffer> {
      yield Buffer.from(part(FILE, '').slice(0, -2));
      for (;;) {
        producedBytes += 64 * 1024;
        yield Buffer.alloc(64 * 1024, 120);
      }
    }
    const file = await openFilePart(endless(), BOUNDARY);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(producedBytes).toBeLessThan(1024 * 1024);
    file.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(producedBytes).toBeLessThan(1024 * 1024);
  });

  it('lets go of the body when the file is not wanted any more', async () => {
    let released = false;
    async function* body(): AsyncGenerator<Buffer> {
      try {
        yield Buffer.from(part(FILE, 'x'.repeat(300_000)).slice(0, -2));
        for (;;) yield Buffer.alloc(64 * 1024);
      } finally {
        released = true;
      }
    }
    const file = await openFilePart(body(), BOUNDARY);
    for await (const _piece of file.bytes) break;
    file.close();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(released).toBe(true);
  });
});
