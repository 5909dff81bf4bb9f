// Bodies and headers that are made to confuse or to exhaust a server: each is refused by name, in bounded memory.
import { readFile } from 'node:fs/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { CHUNK_SIZE, MAX_FILE_SIZE } from '../server/installation.js';
import { eventually, expectNothingStored, problemOf } from '../server/nothing-stored.js';
import { RawConnection } from '../server/raw-connection.js';

const server = useServer();

const FILE = 'form-data; name="f"; filename="a"';
const part = (disposition: string, content: string, fields = '') =>
  `--b\r\nContent-Disposition: ${disposition}\r\n${fields}\r\n${content}\r\n`;
const END = '--b--\r\n';

function sendForm(body: AsyncIterable<Buffer> | string, boundary = 'b'): Promise<Answer> {
  const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
  return ask(`${server.url}/upload`, { method: 'POST', headers, body });
}

async function* repeated(text: string, count: number): AsyncGenerator<Buffer> {
  const batch = 1_000;
  for (let sent = 0; sent < count; sent += batch) yield Buffer.from(text.repeat(Math.min(batch, count - sent)));
}

async function peakMemoryMib(): Promise<number> {
  const status = await readFile(`/proc/${server.process.pid}/status`, 'utf8');
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)![1]) / 1024;
}

describe('a form', () => {
  afterEach(() => expectNothingStored(server));

  it.each<[what: string, code: string, body: () => AsyncIterable<Buffer> | string]>([
    ['of 100,000 fields', 'payload_too_large', () => repeated(part('form-data; name="a"', ''), 100_000)],
    ['of 100,000 parts without a header', 'payload_too_large', () => repeated('--b\r\n\r\n\r\n', 100_000)],
    ['of 100,000 boundaries', 'payload_too_large', () => repeated('--b\r\n', 100_000)],
    ['with a field of 32 MiB', 'payload_too_large', () => repeated('x'.repeat(32 * 1024), 1_000)],
    ['with a header of 32 MiB', 'payload_too_large', () => headerOf('x'.repeat(32 * 1024), 1_000)],
    ['with 300,000 fields in a header', 'payload_too_large', () => headerOf('a: b\r\n', 300_000)],
    [
      'with a digest behind too large a header',
      'payload_too_large',
      () => part(FILE, 'x', `X: ${'x'.repeat(20_000)}\r\nContent-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n`) + END,
    ],
    ['that ends in its header', 'upload_incomplete', () => '--b\r\nContent-Disposition: form-da'],
    ['of nothing', 'upload_incomplete', () => ''],
    ['with fields only', 'file_missing', () => part('form-data; name="__proto__"', 'x') + END],
  ])('%s', async (_what, code, body) => {
    const before = await peakMemoryMib();
    const answer = await sendForm(body());
    expect(problemOf(answer)).toEqual([code === 'payload_too_large' ? 413 : 400, code]);
    expect((await peakMemoryMib()) - before).toBeLessThan(100);
  });

  async function* headerOf(text: string, count: number): AsyncGenerator<Buffer> {
    yield Buffer.from('--b\r\nContent-Disposition: form-data; name="a"\r\nX: ');
    yield* repeated(text, count);
  }

  it.each([
    ['nothing', ''],
    ['an empty text', '""'],
    ['71 characters', 'b'.repeat(71)],
  ])('whose boundary is %s', async (_what, boundary) => {
    expect(problemOf(await sendForm(part(FILE, 'x') + END, boundary))).toEqual([400, 'invalid_request']);
  });
});

describe('header smuggling', () => {
  afterEach(async () => {
    await expectNothingStored(server);
  });

  it.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
    ['two equal lengths', 'Content-Length: 5\r\nContent-Length: 5'],
    ['two lengths in one', 'Content-Length: 5, 5'],
    ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['chunks and a length', 'Transfer-Encoding: chunked\r\nContent-Length: 5'],
    ['a length with a sign', 'Content-Length: +5'],
    ['a negative length', 'Content-Length: -1'],
    ['a length in hex', 'Content-Length: 0x5'],
    ['a length with a fraction', 'Content-Length: 5.0'],
    ['a length in parts', 'Content-Length: 5 5'],
    ['an empty length', 'Content-Length:'],
    ['a length beyond 64 bits', 'Content-Length: 18446744073709551621'],
    ['a length with a space in its name', 'Content-Length : 5'],
    ['a folded length', 'Content-Length:\r\n 5\r\n 6'],
    ['chunks that are not the last encoding', 'Transfer-Encoding: chunked, identity'],
    ['an encoding that only looks like chunks', 'Transfer-Encoding: xchunked'],
    ['a line without a colon', 'Content-Length: 5\r\nbroken'],
    ['a bare line feed', 'X: a\nContent-Length: 5'],
    ['a NUL', 'X: a\0\r\nContent-Length: 5'],
  ])('%s', async (_what, fields) => {
    const connection = await RawConnection.open(server.url);
    connection.say(`PUT /write?name=a HTTP/1.1\r\nHost: localhost\r\n${fields}\r\n\r\nhello`);
    await connection.hears(/"code":"invalid_request"/);
    expect(connection.heard).toMatch(/^HTTP\/1\.1 400 [^]*connection: close/i);
    await connection.hangUp();
  });

  it.each([
    ['a sign', '+5'],
    ['a negative size', '-5'],
    ['no digit', 'x'],
    ['more than 64 bits', 'fffffffffffffffff'],
    ['a prefix', '0x5'],
  ])('a chunk whose size has %s', async (_what, size) => {
    const connection = await RawConnection.open(server.url);
    const head = 'PUT /write?name=a HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
    connection.say(`${head}${size}\r\nhello\r\n0\r\n\r\n`);
    await connection.hears(/^HTTP\/1\.1 400 [^]*"code":/);
    expect(connection.heard).not.toContain('file_id');
    await connection.hangUp();
  });
});

describe('a body that is too long', () => {
  it('for its declared length: the rest is no request, and the file is stored and answered', async () => {
    const connection = await RawConnection.open(server.url);
    connection.say('PUT /write?name=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello and more\r\n\r\n');
    await connection.hears(/"file_size":5/);
    await connection.ended();
    expect(connection.heard).toMatch(/^HTTP\/1\.1 201 /);
    const { files } = (await ask(`${server.url}/files`)).json<{ files: StoredFile[] }>();
    expect(files.map(({ file_size }) => file_size)).toEqual([5]);
    for (const { file_id } of files) {
      await ask(`${server.url}/files/${file_id}`, { method: 'DELETE' });
    }
  });

  it.each([
    ['raw', '/write?name=a', 'PUT', {}, ''],
    [
      'in a form',
      '/upload',
      'POST',
      { 'content-type': 'multipart/form-data; boundary=b' },
      `${part(FILE, '').trimEnd()}\r\n\r\n`,
    ],
  ])('for MAX_FILE_SIZE, in chunks, %s: what was staged is removed', async (_what, path, method, headers, head) => {
    async function* body(): AsyncGenerator<Buffer> {
      yield Buffer.from(head);
      for (let sent = 0; sent <= 2 * MAX_FILE_SIZE; sent += CHUNK_SIZE) yield testBytes(CHUNK_SIZE);
      yield Buffer.from(`\r\n${END}`);
    }
    const answer = await ask(`${server.url}${path}`, { method, headers, body: body() });
    expect(problemOf(answer)).toEqual([413, 'file_too_large']);
    await eventually(async () => {
      const { files } = (await ask(`${server.url}/files`)).json<{ files: unknown[] }>();
      expect(files).toEqual([]);
    });
  });
});

describe('JSON that is deep', () => {
  it.each([
    ['100,000 levels', 100_000, 413],
    ['as many levels as the limit of the body allows', 30_000, 404],
  ])('%s', async (_what, depth, status) => {
    const headers = { 'content-type': 'application/json', 'content-length': 2 * depth };
    const url = `${server.url}/files/01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f`;
    const answer = await ask(url, { method: 'DELETE', headers, body: '['.repeat(depth) + ']'.repeat(depth) });
    expect(answer.status).toBe(status);
    expect(answer.json()['code']).not.toBe('internal');
  });
});

it('forms with odd but honest parts are stored', async () => {
  const body =
    part('form-data; name="__proto__"', 'x') + part('form-data; name="constructor"', 'y') + part(FILE, 'z') + END;
  expect((await sendForm(body)).json<StoredFile>().file_size).toBe(1);
  const boundary = 'b'.repeat(70);
  expect((await sendForm(body.replaceAll('--b', `--${boundary}`), boundary)).status).toBe(201);
});

it('serves on after all that', async () => {
  expect((await store(server.url, { name: 'after', content: 'fine' })).file_size).toBe(4);
});
