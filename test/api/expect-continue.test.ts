// A client that waits for 100 Continue is told to send its body only when nothing but the body can stop the upload.
import { afterEach, describe, expect, it } from 'vitest';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, MAX_FILE_SIZE } from '../server/installation.js';
import { expectNothingStored } from '../server/nothing-stored.js';
import { RawConnection } from '../server/raw-connection.js';

const server = useServer();
const guarded = useServer({ API_KEY: 'test:0123456789abcdef0123456789abcdef' });
const full = useServer({ DISK_RESERVE: '1000000GiB' });

const FORM = 'Content-Type: multipart/form-data; boundary=b';
const LENGTH = 'Content-Length: 10';

/** Says the head of a request that expects 100, and nothing of its body. */
async function announce(url: string, requestLine: string, ...fields: string[]): Promise<RawConnection> {
  const connection = await RawConnection.open(url);
  const head = [`${requestLine} HTTP/1.1`, 'Host: localhost', 'Expect: 100-continue', ...fields];
  connection.say(`${head.join('\r\n')}\r\n\r\n`);
  return connection;
}

describe('a refusal that needs no body comes in the place of 100', () => {
  afterEach(() => expectNothingStored(server));

  it.each<[what: string, status: number, code: string, requestLine: string, fields: string[]]>([
    ['an unknown route', 404, 'route_not_found', 'PUT /nowhere', [LENGTH, 'Content-Type: application/json']],
    ['the wrong method', 405, 'method_not_allowed', 'POST /write?name=a', [LENGTH, 'Content-Type: application/json']],
    ['a wrong query', 400, 'invalid_request', 'PUT /write?name=a&wait=x', [LENGTH]],
    ['a wrong name', 400, 'invalid_file_name', 'PUT /write?name=a%0ab', [LENGTH]],
    ['no name', 400, 'invalid_file_name', 'PUT /write', [LENGTH]],
    ['a wrong name for a form', 400, 'invalid_file_name', 'POST /upload?name=a%00', [LENGTH, FORM]],
    ['too large a file', 413, 'file_too_large', 'PUT /write?name=a', [`Content-Length: ${MAX_FILE_SIZE + 1}`]],
    ['too large a form', 413, 'file_too_large', 'POST /upload', [FORM, `Content-Length: ${MAX_FILE_SIZE * 11}`]],
    ['a malformed digest', 400, 'invalid_request', 'PUT /write?name=a', [LENGTH, 'Content-Digest: x']],
    ['a malformed digest of a form', 400, 'invalid_request', 'POST /upload', [LENGTH, FORM, 'Content-MD5: x']],
    ['a condition that cannot hold', 412, 'precondition_failed', 'PUT /write?name=a', [LENGTH, 'If-Match: *']],
    ['another origin', 403, 'forbidden_origin', 'PUT /write?name=a', [LENGTH, 'Origin: http://example.org']],
  ])('%s: %i %s', async (_what, status, code, requestLine, fields) => {
    const connection = await announce(server.url, requestLine, ...fields);
    await connection.hears(/"code":/);
    expect(connection.heard).toMatch(
      new RegExp(`^HTTP/1\\.1 ${status} [^]*connection: close[^]*"code":"${code}"`, 'i'),
    );
    await connection.hangUp();
  });

  it('a wrong key', async () => {
    const connection = await announce(guarded.url, 'PUT /write?name=a', LENGTH, 'Authorization: Bearer wrong');
    await connection.hears(/"code":"unauthorized"/);
    expect(connection.heard).toMatch(/^HTTP\/1\.1 401 /);
    await connection.hangUp();
  });

  it.each([
    ['a file', 'PUT /write?name=a', [LENGTH]],
    ['a form', 'POST /upload', [LENGTH, FORM]],
  ])('a full disk for %s', async (_what, requestLine, fields) => {
    const connection = await announce(full.url, requestLine, ...fields);
    await connection.hears(/"code":"disk_reserve"/);
    expect(connection.heard).toMatch(/^HTTP\/1\.1 507 /);
    await connection.hangUp();
  });

  it.each(['200-ok', '100-continue, 200-ok', 'x'])('the expectation %j', async (expectation) => {
    const headers = { expect: expectation };
    const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body: 'x' });
    expect([answer.status, answer.json()['code']]).toEqual([417, 'expectation_failed']);
  });
});

describe('100 comes when the body is wanted', () => {
  it.each([
    ['a file', 'PUT /write?name=a', [], (bytes: Buffer) => bytes],
    [
      'a form',
      'POST /upload',
      [FORM],
      (bytes: Buffer) =>
        Buffer.concat([
          Buffer.from('--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'),
          bytes,
          Buffer.from('\r\n--b--\r\n'),
        ]),
    ],
  ])('of %s', async (_what, requestLine, fields, bodyOf) => {
    const body = bodyOf(testBytes(2 * CHUNK_SIZE));
    const connection = await announce(server.url, requestLine, ...fields, `Content-Length: ${body.length}`);
    await connection.hears(/\r\n\r\n/);
    expect(connection.heard).toBe('HTTP/1.1 100 Continue\r\n\r\n');
    connection.say(body);
    await connection.hears(/"file_id"/);
    expect(connection.heard).toMatch(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 201 /);
    await connection.hangUp();
  });

  it('of a file in pieces of unknown number, and the connection serves on', async () => {
    const connection = await announce(server.url, 'PUT /write?name=a', 'Transfer-Encoding: chunked');
    await connection.hears(/ 100 Continue/);
    connection.say('5\r\nhello\r\n0\r\n\r\n');
    await connection.hears(/"file_size":5/);
    connection.say('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await connection.hears(/"status":"/);
    expect(connection.heard).toMatch(/ 201 [^]*HTTP\/1\.1 200 /);
    await connection.hangUp();
  });

  it('not at all from a client of HTTP/1.0', async () => {
    const connection = await RawConnection.open(server.url);
    connection.say(
      'PUT /write?name=a HTTP/1.0\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx',
    );
    await connection.hears(/"file_id"/);
    expect(connection.heard).toMatch(/^HTTP\/1\.1 201 /);
    await connection.hangUp();
  });
});
