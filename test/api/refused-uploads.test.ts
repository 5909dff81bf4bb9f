// Uploads that must not become files: each is refused with a reason the client can read, and leaves nothing behind.
import { connect } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { sendForm, store } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, talk, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow, MAX_FILE_SIZE } from '../server/installation.js';
import { eventually, expectNothingStored, problemOf } from '../server/nothing-stored.js';
import { RawConnection } from '../server/raw-connection.js';

const server = useServer();

const nothingStored = () => expectNothingStored(server);

/** Longer than any buffer between the two ends, so that the server has to stop a client that is still sending. */
const HUGE = 24 * 1024 * 1024;

async function* endless(bytes: number): AsyncGenerator<Buffer> {
  const piece = testBytes(64 * 1024);
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}

describe('refused', () => {
  afterEach(nothingStored);

  it.each([
    ['a form at the route for raw bodies', { 'content-type': 'multipart/form-data; boundary=b' }],
    ['a part that says so', { 'content-range': 'bytes 0-0/2' }],
  ])('%s', async (_what, headers) => {
    const answer = await ask(`${server.url}/write?name=f`, { method: 'PUT', headers, body: 'x' });
    expect(problemOf(answer)).toEqual([400, 'invalid_request']);
  });

  it.each([
    ['PUT', '/write?name=f', 'Content-Encoding: gzip', 415, 'content_coding_unsupported'],
    ['PUT', '/write?name=f', 'Content-Encoding: identity, br', 415, 'content_coding_unsupported'],
    ['POST', '/upload?name=f', 'Content-Encoding: gzip', 415, 'content_coding_unsupported'],
    ['PUT', '/write?name=f', 'Transfer-Encoding: gzip, chunked', 501, 'transfer_coding_unsupported'],
    ['POST', '/upload?name=f', 'Transfer-Encoding: gzip, chunked', 501, 'transfer_coding_unsupported'],
    [
      'PUT',
      '/write?name=f',
      'Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked',
      501,
      'transfer_coding_unsupported',
    ],
  ])('a coded body, before any of it is asked for: %s %s, %s', async (method, path, coding, status, code) => {
    const framing = coding.startsWith('Transfer') ? '' : 'Content-Length: 5\r\n';
    const fields = `Host: localhost\r\nExpect: 100-continue\r\n${framing}${coding}\r\n`;
    const connection = await RawConnection.open(server.url);
    connection.say(`${method} ${path} HTTP/1.1\r\n${fields}\r\n`);
    await connection.hears(new RegExp(`"code":"${code}"`));
    expect(connection.heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    await connection.hangUp();
  });

  it.each(['Content-Encoding: gzip', 'Content-Transfer-Encoding: base64'])('a coded part: %s', async (coding) => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const body = `--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n${coding}\r\n\r\nhello\r\n--b--\r\n`;
    const answer = await ask(`${server.url}/upload`, { method: 'POST', headers, body });
    expect(problemOf(answer)).toEqual([415, 'content_coding_unsupported']);
    expect(answer.headers['accept-encoding']).toBe('identity');
  });

  it('without a name', async () => {
    for (const path of ['/write', '/upload', '/upload?name=']) {
      const method = path === '/write' ? 'PUT' : 'POST';
      const answer = await ask(`${server.url}${path}`, { method, body: 'x' });
      expect(problemOf(answer)).toEqual([400, 'invalid_file_name']);
    }
  });

  it('with two names', async () => {
    const answer = await ask(`${server.url}/write?name=a&name=b`, { method: 'PUT', body: 'x' });
    expect(problemOf(answer)).toEqual([400, 'invalid_request']);
  });

  it.each([
    ['replication=sync&wait=3', 400, 'invalid_request'],
    ['replication=sync&wait=most', 400, 'invalid_request'],
    ['replication=maybe', 400, 'invalid_request'],
    ['wait=1', 400, 'invalid_request'],
  ])('with ?%s', async (query, status, code) => {
    const answer = await ask(`${server.url}/upload?name=a&${query}`, { method: 'POST', body: 'x' });
    expect(problemOf(answer)).toEqual([status, code]);
  });

  it('with a declared length over the limit', async () => {
    const body = testBytes(MAX_FILE_SIZE + 1);
    const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', body });
    expect(problemOf(answer)).toEqual([413, 'file_too_large']);
    expect(answer.headers.connection).toBe('close');
  });

  it('with a declared length over the limit and a client that goes on sending', async () => {
    const headers = { 'content-length': HUGE };
    const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body: endless(HUGE) });
    expect(problemOf(answer)).toEqual([413, 'file_too_large']);
  });

  it('with more bytes than the limit, undeclared', async () => {
    const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', body: endless(HUGE) });
    expect(problemOf(answer)).toEqual([413, 'file_too_large']);
  });

  it('with a form whose file is over the limit', async () => {
    const form = new FormData();
    form.append('file', new Blob([new Uint8Array(MAX_FILE_SIZE + 1)]), 'a.bin');
    expect(problemOf(await sendForm(`${server.url}/upload`, form))).toEqual([413, 'file_too_large']);
  });

  it('with a form that cannot fit, before it is read', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': HUGE };
    const answer = await ask(`${server.url}/upload`, { method: 'POST', headers, body: endless(HUGE) });
    expect(problemOf(answer)).toEqual([413, 'file_too_large']);
  });

  it('with a form without a file', async () => {
    const form = new FormData();
    form.append('text', 'only text');
    expect(problemOf(await sendForm(`${server.url}/upload`, form))).toEqual([400, 'file_missing']);
  });

  it('with a form without a boundary', async () => {
    const headers = { 'content-type': 'multipart/form-data' };
    const answer = await ask(`${server.url}/upload`, { method: 'POST', headers, body: 'x' });
    expect(problemOf(answer)).toEqual([400, 'invalid_request']);
  });

  it('with a form that ends behind its file', async () => {
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    const body = '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nhello\r\n--b\r\n';
    const answer = await ask(`${server.url}/upload`, { method: 'POST', headers, body });
    expect(problemOf(answer)).toEqual([400, 'upload_incomplete']);
  });

  it.each([
    ['inline', 3_000],
    ['in chunks', CHUNK_SIZE * 5],
  ])('when the body is shorter than declared, %s', async (_what, sentBytes) => {
    const head = `PUT /write?name=short HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${sentBytes + 1}\r\n\r\n`;
    const answer = await talk(server.url, Buffer.concat([Buffer.from(head), testBytes(sentBytes)]));
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toContain('"code":"upload_incomplete"');
    await eventually(nothingStored);
  });

  it('when a chunked body does not end', async () => {
    const head =
      'PUT /write?name=short HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n';
    expect(await talk(server.url, head)).toContain('"code":"upload_incomplete"');
    await eventually(nothingStored);
  });

  it('when the client goes away', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.write(`PUT /write?name=gone HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${CHUNK_SIZE * 20}\r\n\r\n`);
    socket.write(testBytes(CHUNK_SIZE * 10));
    const staging = join(server.installation.primary, 'staging');
    await eventually(async () => expect(await filesBelow(staging)).not.toEqual([]));
    socket.destroy();
    await eventually(nothingStored);
  });

  it('when the server is killed in the middle', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    await once(socket, 'connect');
    socket.on('error', () => undefined);
    socket.write(`PUT /write?name=cut HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${CHUNK_SIZE * 20}\r\n\r\n`);
    socket.write(testBytes(CHUNK_SIZE * 10));
    const staging = join(server.installation.primary, 'staging');
    await eventually(async () => expect(await filesBelow(staging)).not.toEqual([]));
    await server.restart('SIGKILL');
    socket.destroy();
    const ready = (await ask(`${server.url}/ready`)).json<{ last_recovery: Record<string, number> }>();
    expect(ready.last_recovery['staged_files_removed']).toBeGreaterThan(0);
    expect(ready.last_recovery['interrupted_uploads']).toBeGreaterThan(0);
  });
});

it('keeps the connection where the whole body was read', async () => {
  const boundary = '--b\r\nContent-Disposition: form-data; name="t"\r\n\r\nx\r\n--b--\r\n';
  const request =
    `POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n` +
    `Content-Length: ${boundary.length}\r\n\r\n${boundary}`;
  const connection = await RawConnection.open(server.url);
  connection.say(`${request}GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n`);
  await connection.hears(/HTTP\/1\.1 200 /);
  expect(connection.heard).toMatch(/^HTTP\/1\.1 400 /);
  await connection.hangUp();
});

it('serves on after all that', async () => {
  const file = await store(server.url, { name: 'after', content: 'fine' });
  expect((await ask(`${server.url}/read/${file.file_id}`)).body.toString()).toBe('fine');
});
