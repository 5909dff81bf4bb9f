// Whole files, parts of them and no bytes at all: what a client gets, and under which headers.
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow, INLINE_MAX } from '../server/installation.js';

/** Without replicas, which would give what the primary cannot. */
const server = useServer({ REPLICAS: '' });

const LARGE = testBytes(3 * CHUNK_SIZE + 5, 3);
const SMALL = testBytes(INLINE_MAX, 4);

let large: StoredFile;
let small: StoredFile;
let empty: StoredFile;

beforeAll(async () => {
  large = await store(server.url, { name: 'large.bin', content: LARGE });
  small = await store(server.url, { name: 'small.bin', content: SMALL });
  empty = await store(server.url, { name: 'empty.bin', content: '' });
});

const download = (file: StoredFile, headers: Record<string, string> = {}, method = 'GET') =>
  ask(`${server.url}/download/${file.file_id}`, { method, headers });

const PARTS: Array<[range: string, start: number, end: number]> = [
  ['bytes=0-0', 0, 1],
  ['bytes=0-4', 0, 5],
  ['bytes=-1', LARGE.length - 1, LARGE.length],
  ['bytes=-7', LARGE.length - 7, LARGE.length],
  [`bytes=${CHUNK_SIZE - 1}-${CHUNK_SIZE - 1}`, CHUNK_SIZE - 1, CHUNK_SIZE],
  [`bytes=${CHUNK_SIZE}-${CHUNK_SIZE}`, CHUNK_SIZE, CHUNK_SIZE + 1],
  [`bytes=${CHUNK_SIZE - 1}-${CHUNK_SIZE}`, CHUNK_SIZE - 1, CHUNK_SIZE + 1],
  [`bytes=${CHUNK_SIZE}-${2 * CHUNK_SIZE - 1}`, CHUNK_SIZE, 2 * CHUNK_SIZE],
  [`bytes=${CHUNK_SIZE - 3}-${3 * CHUNK_SIZE + 2}`, CHUNK_SIZE - 3, 3 * CHUNK_SIZE + 3],
  [`bytes=${3 * CHUNK_SIZE}-`, 3 * CHUNK_SIZE, LARGE.length],
  ['bytes=1-999999999', 1, LARGE.length],
  ['bytes=0-', 0, LARGE.length],
  ['bytes=-9223372036854775808', 0, LARGE.length],
];

describe('a range', () => {
  it.each(PARTS)('%s is exactly those bytes', async (range, start, end) => {
    const answer = await download(large, { range });
    expect(answer.status).toBe(206);
    expect(answer.headers['content-range']).toBe(`bytes ${start}-${end - 1}/${LARGE.length}`);
    expect(answer.headers['content-length']).toBe(String(end - start));
    expect(answer.headers['content-encoding']).toBeUndefined();
    expect(answer.body.equals(LARGE.subarray(start, end))).toBe(true);
  });

  it('of an inline file is exactly those bytes', async () => {
    const answer = await download(small, { range: 'bytes=10-19' });
    expect(answer.status).toBe(206);
    expect(answer.body.equals(SMALL.subarray(10, 20))).toBe(true);
  });

  it('behind the end is refused with the size', async () => {
    const answer = await download(large, { range: `bytes=${LARGE.length}-` });
    expect(answer.status).toBe(416);
    expect(answer.headers['content-range']).toBe(`bytes */${LARGE.length}`);
    expect(answer.json<Problem>().code).toBe('range_not_satisfiable');
  });

  it.each(['bytes=5-2', 'lines=1-2', 'bytes=x', `bytes=${'0-0,'.repeat(1000)}`])('%s is ignored', async (range) => {
    const answer = await download(large, { range });
    expect(answer.status).toBe(200);
    expect(answer.body.equals(LARGE)).toBe(true);
  });

  it('of an empty file is the empty file', async () => {
    expect((await download(empty, { range: 'bytes=0-' })).status).toBe(200);
  });

  it('is honoured only while If-Range holds', async () => {
    const range = 'bytes=0-4';
    expect((await download(large, { range, 'if-range': `"${large.sha256}"` })).status).toBe(206);
    expect((await download(large, { range, 'if-range': '"something else"' })).status).toBe(200);
    expect((await download(large, { range, 'if-range': `W/"${large.sha256}"` })).status).toBe(200);
    expect((await download(large, { range, 'if-range': new Date(large.created_at).toUTCString() })).status).toBe(206);
    expect((await download(large, { range, 'if-range': 'Sun, 06 Nov 1994 08:49:37 GMT' })).status).toBe(200);
  });

  it('puts a broken download together again', async () => {
    const pieces: Buffer[] = [];
    for (let at = 0; at < LARGE.length; at += 9_999) {
      pieces.push((await download(large, { range: `bytes=${at}-${at + 9_998}` })).body);
    }
    expect(sha256(Buffer.concat(pieces))).toBe(large.sha256);
  });
});

describe('headers', () => {
  it('say what the bytes are', async () => {
    const { headers } = await download(large);
    expect(headers).toMatchObject({
      etag: `"${large.sha256}"`,
      'last-modified': new Date(large.created_at).toUTCString(),
      'accept-ranges': 'bytes',
      'repr-digest': `sha-256=:${Buffer.from(large.sha256, 'hex').toString('base64')}:`,
      'content-length': String(LARGE.length),
      'content-type': 'application/octet-stream',
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
    });
  });

  it.each(['download', 'read'])('of HEAD /%s are those of GET, without the bytes', async (route) => {
    for (const file of [large, small, empty]) {
      const url = `${server.url}/${route}/${file.file_id}`;
      const head = await ask(url, { method: 'HEAD' });
      const get = await ask(url);
      expect(head.status).toBe(200);
      expect(head.body.length).toBe(0);
      const { date: _headDate, ...headHeaders } = head.headers;
      const { date: _getDate, ...getHeaders } = get.headers;
      expect(headHeaders).toEqual(getHeaders);
    }
  });

  it('keep a stored page from running', async () => {
    const page = '<script>alert(document.domain)</script>';
    const file = await store(server.url, { name: 'page.html', content: page, contentType: 'text/html' });
    const { headers, body } = await ask(`${server.url}/read/${file.file_id}`);
    expect(headers['content-type']).toBe('text/html');
    expect(headers['content-disposition']).toMatch(/^attachment;/);
    expect(headers['content-security-policy']).toBe('sandbox');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(body.toString()).toBe(page);
  });

  it.each([
    ['image/png', 'inline'],
    ['text/plain; charset=utf-8', 'inline'],
    ['application/pdf', 'inline'],
    ['image/svg+xml', 'attachment'],
    ['application/octet-stream', 'attachment'],
  ])('show %s in place as %s, and save it under /download', async (contentType, disposition) => {
    const file = await store(server.url, { name: 'shown', content: 'x', contentType });
    const read = await ask(`${server.url}/read/${file.file_id}`);
    expect(read.headers['content-disposition']).toMatch(new RegExp(`^${disposition};`));
    expect((await download(file)).headers['content-disposition']).toMatch(/^attachment;/);
  });
});

describe.each(['download', 'read', 'files'])('GET /%s', (route) => {
  it.each([
    ['nonsense', 400, 'invalid_file_id'],
    ['%2e%2e%2fetc%2fpasswd', 400, 'invalid_file_id'],
    ['x'.repeat(300), 400, 'invalid_file_id'],
    ['01932b7e-8a2c-4c3d-9e4f-5a6b7c8d9e0f', 400, 'invalid_file_id'],
    ['01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f', 404, 'file_not_found'],
  ])('of %s answers %i %s', async (id, status, code) => {
    const answer = await ask(`${server.url}/${route}/${id}`);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json<Problem>()).toMatchObject({ status, code });
    expect(answer.status).toBe(status);
  });

  it('takes an id in capitals', async () => {
    expect((await ask(`${server.url}/${route}/${large.file_id.toUpperCase()}`)).status).toBe(200);
  });
});

describe('damaged bytes', () => {
  async function flipLastByte(path: string): Promise<void> {
    const file = await open(path, 'r+');
    const { size } = await file.stat();
    const byte = Buffer.alloc(1);
    await file.read(byte, 0, 1, size - 1);
    await file.write(Buffer.from([byte[0]! ^ 0xff]), 0, 1, size - 1);
    await file.close();
  }

  async function storeDamaged(which: 'first' | 'last', seed: number): Promise<StoredFile> {
    const chunks = join(server.installation.primary, 'chunks');
    const content = testBytes(30 * CHUNK_SIZE, seed);
    const file = await store(server.url, { name: 'damaged', content });
    const part = which === 'first' ? content.subarray(0, CHUNK_SIZE) : content.subarray(-CHUNK_SIZE);
    const path = (await filesBelow(chunks)).find((each) => each.endsWith(sha256(part)))!;
    await flipLastByte(join(chunks, path));
    return file;
  }

  it('at the start are an honest error', async () => {
    const answer = await download(await storeDamaged('first', 91));
    expect([answer.status, answer.json<Problem>().code]).toEqual([500, 'chunk_corrupt']);
  });

  it('further on cut the answer, and never look like the end of the file', async () => {
    const file = await storeDamaged('last', 92);
    await expect(download(file)).rejects.toThrow(/aborted|ECONNRESET|socket hang up/);
  });

  it('are not in the way of the parts that are whole', async () => {
    const file = await storeDamaged('last', 93);
    const answer = await download(file, { range: `bytes=0-${CHUNK_SIZE}` });
    expect(answer.status).toBe(206);
    expect(answer.body.equals(testBytes(30 * CHUNK_SIZE, 93).subarray(0, CHUNK_SIZE + 1))).toBe(true);
  });
});

it('gives up on a client that goes away, and serves the next', async () => {
  const content = testBytes(60 * CHUNK_SIZE, 5);
  const file = await store(server.url, { name: 'long', content });
  for (let client = 0; client < 20; client += 1) {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`GET /download/${file.file_id} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    await once(socket, 'readable');
    socket.destroy();
  }
  expect((await download(file)).body.equals(content)).toBe(true);
});

it('serves a slow reader without losing a byte', async () => {
  const content = testBytes(60 * CHUNK_SIZE, 6);
  const file = await store(server.url, { name: 'slow', content });
  const answers = await Promise.all(Array.from({ length: 16 }, () => download(file)));
  for (const answer of answers) expect(sha256(answer.body)).toBe(file.sha256);
});
