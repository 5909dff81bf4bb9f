// A body that is not the one its digests speak of never becomes a file, whatever its size and its way in.
import { createHash } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { CHUNK_SIZE, INLINE_MAX } from '../server/installation.js';
import { expectNothingStored, problemOf } from '../server/nothing-stored.js';

const server = useServer();

type Headers = Readonly<Record<string, string>>;
type Send = (content: Buffer, headersFor: (bytes: Buffer) => Headers) => Promise<Answer>;

const digest = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest('base64');

const WAYS_TO_SAY: Array<[what: string, headersFor: (bytes: Buffer) => Headers]> = [
  ['Content-Digest: sha-256', (bytes) => ({ 'Content-Digest': `sha-256=:${digest('sha256', bytes)}:` })],
  ['Content-Digest: sha-512', (bytes) => ({ 'Content-Digest': `sha-512=:${digest('sha512', bytes)}:` })],
  ['Repr-Digest', (bytes) => ({ 'Repr-Digest': `md5=:AA==:, sha-256=:${digest('sha256', bytes)}:` })],
  ['Content-MD5', (bytes) => ({ 'Content-MD5': digest('md5', bytes) })],
];

function formOf(content: Buffer, headers: Headers = {}): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n${lines.join('')}\r\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')]);
}

function sendForm(body: Buffer, headers: Headers = {}): Promise<Answer> {
  const all = { 'content-type': 'multipart/form-data; boundary=b', ...headers };
  return ask(`${server.url}/upload`, { method: 'POST', headers: all, body });
}

const WAYS_IN: Array<[what: string, send: Send]> = [
  [
    'PUT /write',
    (content, headersFor) =>
      ask(`${server.url}/write?name=a`, { method: 'PUT', headers: headersFor(content), body: content }),
  ],
  ['of a form', (content, headersFor) => sendForm(formOf(content), headersFor(formOf(content)))],
  ['of the part of a form', (content, headersFor) => sendForm(formOf(content, headersFor(content)))],
];

const SIZES: Array<[what: string, size: number]> = [
  ['an empty file', 0],
  ['an inline file', INLINE_MAX],
  ['a file in chunks', 3 * CHUNK_SIZE + 5],
];

describe.each(WAYS_IN)('%s', (_way, send) => {
  describe.each(WAYS_TO_SAY)('%s', (_what, headersFor) => {
    afterEach(() => expectNothingStored(server));

    it.each(SIZES)('refuses %s with another digest', async (_size, size) => {
      const wrong = headersFor(testBytes(size + 1));
      const answer = await send(testBytes(size), () => wrong);
      expect(problemOf(answer)).toEqual([400, 'digest_mismatch']);
      const { field, expected, actual } = answer.json<{ field: string; expected: string; actual: string }>();
      const [name, said] = Object.entries(wrong)[0]!;
      expect(field).toBe(name);
      expect(said).toContain(expected);
      expect(actual).not.toBe(expected);
    });

    it('refuses what is no digest before the body is read', async () => {
      const answer = await send(testBytes(10), (bytes) => ({
        [Object.keys(headersFor(bytes))[0]!]: 'sha-256=nothing',
      }));
      expect(problemOf(answer)).toEqual([400, 'invalid_request']);
    });
  });
});

describe.each(WAYS_IN)('%s', (_way, send) => {
  describe.each(WAYS_TO_SAY)('%s', (_what, headersFor) => {
    it.each(SIZES)('stores %s with this digest', async (_size, size) => {
      const content = testBytes(size);
      const answer = await send(content, headersFor);
      expect([answer.status, answer.json<StoredFile>().sha256]).toEqual([201, sha256(content)]);
    });
  });
});

it('tells the digest that the body has', async () => {
  const body = testBytes(100);
  const headers = { 'content-digest': `sha-512=:${digest('sha512', Buffer.from('other'))}:` };
  const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body });
  expect(answer.json()).toMatchObject({ algorithm: 'sha-512', actual: digest('sha512', body) });
});

it('holds the body against each of several digests', async () => {
  const body = testBytes(100);
  const headers = {
    'content-digest': `sha-256=:${digest('sha256', body)}:`,
    'repr-digest': `sha-256=:${digest('sha256', Buffer.from('other'))}:`,
  };
  const answer = await ask(`${server.url}/write?name=a`, { method: 'PUT', headers, body });
  expect(problemOf(answer)).toEqual([400, 'digest_mismatch']);
  expect(answer.json()).toMatchObject({ field: 'Repr-Digest' });
});
