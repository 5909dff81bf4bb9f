// Conditional reads (RFC 9110, section 13), the digest of the whole (RFC 9530), and what a refusal says.
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';

const server = useServer();

const CONTENT = testBytes(CHUNK_SIZE + 5, 3);
const EARLIER = 'Sun, 06 Nov 1994 08:49:37 GMT';

let file: StoredFile;
let tag: string;
let storedAt: string;

beforeAll(async () => {
  file = await store(server.url, { name: 'a.bin', content: CONTENT });
  tag = `"${file.sha256}"`;
  storedAt = new Date(file.created_at).toUTCString();
});

const statusesOf = async (headers: Record<string, string | string[]>) => {
  const statuses: number[] = [];
  for (const route of ['download', 'read']) {
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(`${server.url}/${route}/${file.file_id}`, { method, headers });
      if (method === 'GET' && answer.status === 200) expect(answer.body.equals(CONTENT)).toBe(true);
      if (method === 'HEAD' || answer.status === 304) expect(answer.body.length).toBe(0);
      statuses.push(answer.status);
    }
  }
  return new Set(statuses);
};

describe('a condition', () => {
  it.each<[header: string, value: () => string | string[], status: number]>([
    ['if-none-match', () => tag, 304],
    ['if-none-match', () => `W/${tag}`, 304],
    ['if-none-match', () => `"x", ${tag}`, 304],
    ['if-none-match', () => ['"x"', tag], 304],
    ['if-none-match', () => '*', 304],
    ['if-none-match', () => '"x"', 200],
    ['if-match', () => tag, 200],
    ['if-match', () => ['"x"', tag], 200],
    ['if-match', () => '*', 200],
    ['if-match', () => `W/${tag}`, 412],
    ['if-match', () => '"x"', 412],
    ['if-modified-since', () => storedAt, 304],
    ['if-modified-since', () => EARLIER, 200],
    ['if-modified-since', () => 'yesterday', 200],
    ['if-unmodified-since', () => storedAt, 200],
    ['if-unmodified-since', () => EARLIER, 412],
    ['if-unmodified-since', () => 'Sunday, 06-Nov-94 08:49:37 GMT', 412],
    ['if-unmodified-since', () => 'Sun Nov  6 08:49:37 1994', 412],
    ['if-unmodified-since', () => 'yesterday', 200],
  ])('%s: %s is answered with %i', async (header, value, status) => {
    expect(await statusesOf({ [header]: value() })).toEqual(new Set([status]));
  });

  it('that fails is a problem with a code and its name', async () => {
    const answer = await ask(`${server.url}/download/${file.file_id}`, { headers: { 'if-match': '"x"' } });
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.json()).toMatchObject({ status: 412, code: 'precondition_failed', condition: 'If-Match' });
  });

  it('comes before the range, whether it refuses or spares the transfer', async () => {
    const range = `bytes=${CONTENT.length}-`;
    expect(await statusesOf({ range, 'if-match': '"x"' })).toEqual(new Set([412]));
    expect(await statusesOf({ range, 'if-none-match': tag })).toEqual(new Set([304]));
  });

  it('does not matter where there is no file', async () => {
    const url = `${server.url}/download/01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f`;
    const answer = await ask(url, { headers: { 'if-match': '"x"', 'if-none-match': '*' } });
    expect([answer.status, answer.json<Problem>().code]).toEqual([404, 'file_not_found']);
  });

  it('that spares the transfer is answered with what a cache needs, and no description of the bytes', async () => {
    const { headers } = await ask(`${server.url}/read/${file.file_id}`, { headers: { 'if-none-match': tag } });
    expect(headers).toMatchObject({ etag: tag, 'cache-control': 'private, no-cache', date: expect.any(String) });
    for (const name of ['content-type', 'content-length', 'content-disposition', 'last-modified', 'repr-digest']) {
      expect(headers).not.toHaveProperty(name);
    }
  });
});

describe('Repr-Digest', () => {
  const digest = () => `sha-256=:${Buffer.from(file.sha256, 'hex').toString('base64')}:`;
  const headersOf = async (headers: Record<string, string>, method = 'GET') =>
    (await ask(`${server.url}/download/${file.file_id}`, { method, headers })).headers;

  it('is that of the whole file, beside the whole and beside a part', async () => {
    for (const range of ['bytes=0-', 'bytes=3-4', 'bytes=0-0,9000-9001']) {
      expect((await headersOf({ range }))['repr-digest']).toBe(digest());
      expect((await headersOf({ range }, 'HEAD'))['repr-digest']).toBe(digest());
    }
  });

  it('is left out for who does not want it', async () => {
    expect(await headersOf({ 'want-repr-digest': 'sha-256=0' })).not.toHaveProperty('repr-digest');
    expect((await headersOf({ 'want-repr-digest': 'sha-512=3, sha-256=10' }))['repr-digest']).toBe(digest());
  });
});
