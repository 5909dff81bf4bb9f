// The client against answers that no good server gives, or only on a bad day: each has a defined end.
import { HoldfastClient } from '#libs/client';
import type { Download } from '#libs/client';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { createHash } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sha256, testBytes } from '../server/http-client.js';
import { cutOff, described, FILE_ID, oddServer, problem, received, serves, stores } from './odd-server.js';
import type { Handler } from './odd-server.js';

const CONTENT = testBytes(300_000, 5);
const OTHER = testBytes(300_000, 6);

const KEY = 'secret-key-of-16-chars';

const code = (expected: string, facts: object = {}) => expect.objectContaining({ code: expected, ...facts });

async function all({ bytes }: Download): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

const json =
  (status: number, body: unknown): Handler =>
  async (request, response) => {
    await received(request);
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  };

const endless: Handler = (_, response) => {
  const more = (): void => void (response.destroyed || response.write('x'.repeat(64 * 1024), more));
  response.writeHead(404);
  more();
};

describe('errors', () => {
  it('carry what the server said', async () => {
    const { client } = await oddServer([problem(503, 'outcome_unknown', { 'retry-after': '7' })], {
      retry: { maxAttempts: 1 },
    });
    await expect(client.put({ bytes: CONTENT }, { name: 'f' })).rejects.toEqual(
      code('outcome_unknown', { status: 503, detail: 'It is outcome_unknown.', fileId: FILE_ID, retryAfterMs: 7000 }),
    );
  });

  it.each<[string, Handler, string, number | undefined]>([
    ['a page of a proxy', (_, response) => void response.writeHead(500).end('<html>'), 'http_500', 500],
    ['an endless page', endless, 'http_404', 404],
    ['JSON that is no object', json(404, null), 'http_404', 404],
    ['a code that is no text', json(404, { code: 5, detail: [] }), 'http_404', 404],
    ['a 200 that is no JSON', (_, response) => void response.end('hello'), 'invalid_answer', 200],
    ['a 200 that is no file', json(200, { hello: 1 }), 'invalid_answer', undefined],
    ['a file without a digest', json(200, { ...described(CONTENT), sha256: 'short' }), 'invalid_answer', undefined],
    [
      'another place',
      (_, response) => void response.writeHead(301, { location: 'http://x/' }).end(),
      'invalid_answer',
      301,
    ],
  ])('of %s are the client’s own', async (_what, handler, expected, status) => {
    const { client, requests } = await oddServer([handler]);
    await expect(client.stat(FILE_ID)).rejects.toEqual(code(expected, { status }));
    expect(requests).toHaveLength(1);
  });

  it('name an address where nothing listens, after two attempts and not after a minute', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    server.close();
    await once(server, 'close');
    let waits = 0;
    const timing = { now: () => 0, random: () => 0, sleep: () => Promise.resolve(void (waits += 1)) };
    const client = new HoldfastClient({ url: `http://127.0.0.1:${port}`, timing });
    await expect(client.stat(FILE_ID)).rejects.toEqual(code('unreachable', { status: undefined }));
    expect(waits).toBe(1);
  });

  it('name a port that fetch refuses', async () => {
    const client = new HoldfastClient({ url: 'http://127.0.0.1:1' });
    await expect(client.stat(FILE_ID)).rejects.toEqual(code('unreachable'));
  });

  it('name what does not speak HTTP', async () => {
    const server = createServer((socket) => void socket.end('SSH-2.0-OpenSSH\r\n')).listen(0, '127.0.0.1');
    onTestFinished(() => void server.close());
    await once(server, 'listening');
    const client = new HoldfastClient({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    await expect(client.stat(FILE_ID)).rejects.toEqual(code('invalid_answer'));
  });

  it('never show the key', async () => {
    const { client, requests } = await oddServer([problem(401, 'unauthorized')], { apiKey: KEY });
    const error = await client.stat(FILE_ID).catch((thrown: unknown) => thrown);
    expect(requests[0]!.headers.authorization).toBe(`Bearer ${KEY}`);
    expect(JSON.stringify([error, String(error), client])).not.toContain(KEY);
    const split = (): unknown => new HoldfastClient({ url: 'http://127.0.0.1:1', apiKey: `${KEY}\nx` });
    expect(split).toThrow(expect.objectContaining({ code: 'setting_invalid' }));
    expect(split).toThrow(expect.objectContaining({ message: expect.not.stringContaining(KEY) as string }));
  });

  it.each(['localhost:8080', 'ftp://x', 'http://user:pass@x', 'http://x/?a=1', ''])('refuse the URL %j', (url) => {
    expect(() => new HoldfastClient({ url })).toThrow(expect.objectContaining({ code: 'setting_invalid' }));
  });
});

describe('a second attempt', () => {
  it.each<[string, Handler]>([
    ['503', problem(503, 'overloaded')],
    ['429', problem(429, 'too_many')],
    ['a connection that is cut', cutOff],
    [
      'an answer that ends early',
      (_, response) => {
        response.writeHead(200, { 'content-length': 50 }).write('{', () => response.destroy());
      },
    ],
  ])('follows %s where it is safe', async (_what, handler) => {
    const { client, requests } = await oddServer([handler, handler, json(200, described(CONTENT))]);
    expect(await client.stat(FILE_ID)).toMatchObject({ file_id: FILE_ID });
    expect(requests).toHaveLength(3);
  });

  it('of an upload has the same key and the same bytes', async () => {
    const { client, requests } = await oddServer([problem(503, 'overloaded'), cutOff, stores]);
    const file = await client.put({ bytes: CONTENT }, { name: 'f' });
    expect(file.sha256).toBe(sha256(CONTENT));
    const keys = requests.map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(1);
    expect(keys[0]).toMatch(/^[0-9a-f-]{36}$/);
    expect(requests).toHaveLength(3);
  });

  it('of another upload has another key', async () => {
    const { client, requests } = await oddServer([stores]);
    await client.put({ bytes: CONTENT }, { name: 'f' });
    await client.put({ bytes: CONTENT }, { name: 'f' });
    expect(requests[0]!.headers['idempotency-key']).not.toBe(requests[1]!.headers['idempotency-key']);
  });

  it('is not made with a stream that can be read once', async () => {
    async function* once() {
      yield CONTENT;
    }
    const { client, requests } = await oddServer([problem(503, 'overloaded'), stores]);
    await expect(client.put({ stream: once() }, { name: 'f' })).rejects.toEqual(code('overloaded', { status: 503 }));
    expect(requests).toHaveLength(1);
  });

  it('takes a file as deleted where an attempt before may have done it', async () => {
    const { client } = await oddServer([cutOff, problem(404, 'file_not_found')]);
    await client.delete(FILE_ID);
    const never = await oddServer([problem(404, 'file_not_found')]);
    await expect(never.client.delete(FILE_ID)).rejects.toEqual(code('file_not_found'));
  });

  it('is not made for a caller who has gone', async () => {
    const leaving = new AbortController();
    const { client, requests } = await oddServer([
      async (request, response) => {
        leaving.abort(new Error('gone'));
        await problem(503, 'overloaded')(request, response);
      },
    ]);
    await expect(client.stat(FILE_ID, { signal: leaving.signal })).rejects.toThrow('gone');
    expect(requests).toHaveLength(1);
  });

  it('follows a server that falls silent', async () => {
    const silent: Handler = () => undefined;
    const { client, requests } = await oddServer([silent, json(200, described(CONTENT))], { idleMs: 50 });
    expect(await client.stat(FILE_ID)).toMatchObject({ file_id: FILE_ID });
    expect(requests).toHaveLength(2);
  });
});

describe('an upload', () => {
  it('declares its length where it is known', async () => {
    async function* once() {
      yield CONTENT;
    }
    const { client, requests } = await oddServer([stores]);
    await client.put({ bytes: CONTENT }, { name: 'f', contentType: 'text/plain' });
    await client.put({ stream: once() }, { name: 'f' });
    await client.put({ bytes: new Uint8Array(0) }, { name: 'f' });
    expect(requests.map(({ headers }) => [headers['content-length'], headers['transfer-encoding']])).toEqual([
      ['300000', undefined],
      [undefined, 'chunked'],
      ['0', undefined],
    ]);
    expect(requests.map(({ headers }) => headers['content-type'])[0]).toBe('text/plain');
  });

  it('is not done where the server stored other bytes, and names the file', async () => {
    const { client } = await oddServer([
      async (request, response) => {
        await received(request);
        response.writeHead(201).end(JSON.stringify(described(OTHER)));
      },
    ]);
    await expect(client.put({ bytes: CONTENT }, { name: 'f' })).rejects.toEqual(
      code('digest_mismatch', { fileId: FILE_ID }),
    );
  });

  it('fails as its source fails', async () => {
    const broken = new Error('the disk of the source');
    let readings = 0;
    async function* breaking() {
      readings += 1;
      yield CONTENT;
      throw broken;
    }
    const { client } = await oddServer([stores]);
    await expect(client.put({ open: breaking }, { name: 'f' })).rejects.toBe(broken);
    await expect(client.put({ path: '/nowhere' }, { name: 'f' })).rejects.toMatchObject({ code: 'ENOENT' });
    expect(readings).toBe(1);
  });

  it('ends when its caller goes, although its source never gives another piece', async () => {
    const leaving = new AbortController();
    async function* stuck() {
      yield CONTENT;
      leaving.abort(new Error('gone'));
      await new Promise(() => undefined);
    }
    const { client } = await oddServer([stores]);
    await expect(client.put({ open: stuck }, { name: 'f', signal: leaving.signal })).rejects.toThrow('gone');
  });

  it('hears the answer that comes before its last byte', async () => {
    const early: Handler = (request, response) => {
      request.once('data', () => {
        response.writeHead(413, { connection: 'close' }).end(JSON.stringify({ code: 'file_too_large', detail: 'no' }));
        request.resume();
      });
    };
    const { client } = await oddServer([early]);
    async function* long() {
      for (let piece = 0; piece < 200; piece += 1) yield CONTENT;
    }
    await expect(client.put({ open: long }, { name: 'f' })).rejects.toEqual(code('file_too_large', { status: 413 }));
  });
});

describe('a download', () => {
  it('goes on where its connection was cut, as often as it is', async () => {
    const { client, requests } = await oddServer([serves(CONTENT, { breakAfterBytes: 9000 })]);
    expect(sha256(await all(await client.get(FILE_ID)))).toBe(sha256(CONTENT));
    const tag = `"${sha256(CONTENT)}"`;
    expect(requests.length).toBeGreaterThan(20);
    for (const { headers } of requests.slice(1)) expect(headers).toMatchObject({ 'if-range': tag, 'if-match': tag });
  });

  it('passes over what it has where the server ignores ranges', async () => {
    const whole: Handler = (request, response) => {
      delete request.headers.range;
      return serves(CONTENT)(request, response);
    };
    const { client } = await oddServer([serves(CONTENT, { breakAfterBytes: 70_001 }), whole]);
    expect((await all(await client.get(FILE_ID))).equals(CONTENT)).toBe(true);
  });

  it.each<[string, Handler, string]>([
    ['the file has other bytes by then', serves(OTHER), 'content_changed'],
    ['If-Match says so', problem(412, 'precondition_failed'), 'content_changed'],
    ['the file was deleted by then', problem(404, 'file_not_found'), 'file_not_found'],
    [
      'the server sends another part',
      (_, response) => {
        const headers = { etag: `"${sha256(CONTENT)}"`, 'content-range': 'bytes 250000-299999/300000' };
        response.writeHead(206, headers).end(CONTENT.subarray(250_000));
      },
      'invalid_answer',
    ],
    [
      'the server tells another size',
      (_, response) => {
        const headers = { etag: `"${sha256(CONTENT)}"`, 'content-range': 'bytes 9000-399999/400000' };
        response.writeHead(206, headers).end(CONTENT.subarray(9000));
      },
      'content_changed',
    ],
  ])('never mixes two contents: %s', async (_what, second, expected) => {
    const { client } = await oddServer([serves(CONTENT, { breakAfterBytes: 9000 }), second]);
    await expect(client.get(FILE_ID).then(all)).rejects.toEqual(code(expected));
  });

  it('is not whole where the bytes are not those of its ETag', async () => {
    const lying: Handler = (_, response) => {
      response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': OTHER.length }).end(OTHER);
    };
    const { client } = await oddServer([lying]);
    await expect(client.get(FILE_ID).then(all)).rejects.toEqual(code('digest_mismatch', { fileId: FILE_ID }));
  });

  it.each([undefined, 'W/"abc"', '"abc"'])('wants a SHA-256 for an ETag, not %j', async (etag) => {
    const { client } = await oddServer([
      (_, response) => void response.writeHead(200, etag === undefined ? {} : { etag }).end('hello'),
    ]);
    await expect(client.get(FILE_ID)).rejects.toEqual(code('invalid_answer'));
  });

  it('goes on behind what the caller has, and verifies both', async () => {
    const { client, requests } = await oddServer([serves(CONTENT)]);
    const resume = (bytes: Buffer) =>
      client.get(FILE_ID, { prefix: { sizeBytes: bytes.length, hash: createHash('sha256').update(bytes) } }).then(all);
    expect((await resume(CONTENT.subarray(0, 100_000))).equals(CONTENT.subarray(100_000))).toBe(true);
    expect(requests[0]!.headers.range).toBe('bytes=100000-');
    await expect(resume(OTHER.subarray(0, 100_000))).rejects.toEqual(code('digest_mismatch'));
  });

  it('ends when its caller goes, in the middle', async () => {
    const leaving = new AbortController();
    const slow: Handler = (_, response) => {
      response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 1000));
    };
    const { client, requests } = await oddServer([slow]);
    const { bytes } = await client.get(FILE_ID, { signal: leaving.signal });
    await bytes.next();
    const closed = once(requests[0]!.socket, 'close');
    leaving.abort(new Error('gone'));
    await expect(bytes.next()).rejects.toThrow('gone');
    await closed;
  });

  it('lets go of its connection where nobody reads on', async () => {
    const slow: Handler = (_, response) => {
      response.writeHead(200, { etag: `"${sha256(CONTENT)}"`, 'content-length': CONTENT.length });
      response.write(CONTENT.subarray(0, 1000));
    };
    const { client, requests } = await oddServer([slow]);
    const { bytes } = await client.get(FILE_ID);
    await bytes.next();
    const closed = once(requests[0]!.socket, 'close');
    await bytes.return();
    await expect(closed).resolves.toBeDefined();
  });
});
