// The API's description of itself: well formed by the official schema, complete by our own rules, and true.
import { Validator } from '@seriousme/openapi-schema-validator';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { DescribedAnswers } from '../open-api/answers.js';
import { operationsOf } from '../open-api/document.js';
import type { OpenApiDocument } from '../open-api/document.js';
import { lintOpenApi } from '../open-api/lint.js';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask } from '../server/http-client.js';
import type { Ask } from '../server/http-client.js';

const KEY = 'client-key-0123456789';
const authorization = `Bearer ${KEY}`;
const UNKNOWN_FILE = '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f';

// The first segment is looked at last, behind a checkpoint maybe.
const open = useServer({ WAL_RETAIN: '10' });
const locked = useServer({ API_KEY: KEY });

/** As ERRORS.md tells clients, which another test holds against the code. */
async function statusByCode(): Promise<Record<string, number>> {
  const page = await readFile(resolve(import.meta.dirname, '../../ERRORS.md'), 'utf8');
  const rows = [...page.matchAll(/^\| `(\w+)` +\| (\d{3}) /gm)];
  return Object.fromEntries(rows.map(([, code, status]) => [code!, Number(status)]));
}

const documentAt = async (url: string, headers = {}) => (await ask(`${url}/docs-json`, { headers })).json();

describe('the description', () => {
  it('is OpenAPI by its official schema', async () => {
    expect(await new Validator().validate(await documentAt(open.url))).toEqual({ valid: true });
  });

  it('leaves nothing out and has nothing over', async () => {
    const document = await documentAt(open.url);
    // Supervisors read why the server is not ready from the same answer as whether it is.
    const options = { statusByCode: await statusByCode(), otherErrors: ['get /ready 503'] };
    expect(lintOpenApi(document as unknown as OpenApiDocument, options)).toEqual([]);
  });

  it('is the same behind keys', async () => {
    expect(await documentAt(locked.url, { authorization })).toEqual(await documentAt(open.url));
  });
});

const RAW = { 'content-type': 'application/octet-stream' };

/** `[method, route, path, status, request]`; `{file_id}` in a path is that of a stored file. */
const REQUESTS: Array<[method: string, route: string, path: string, status: number, more?: Ask]> = [
  ['GET', '/health', '/health', 200],
  ['GET', '/health', '/health', 403, { headers: { host: 'evil.example' } }],
  ['GET', '/health', '/health', 417, { headers: { expect: 'tea' } }],
  ['GET', '/ready', '/ready', 200],
  ['GET', '/files', '/files', 200],
  ['GET', '/files', '/files?limit=0', 400],
  ['GET', '/files', '/files', 403, { headers: { origin: 'https://evil.example' } }],
  ['GET', '/files', '/files', 431, { headers: { filler: 'x'.repeat(20_000) } }],
  ['GET', '/files/{file_id}', '/files/{file_id}', 200],
  ['GET', '/files/{file_id}', '/files/x', 400],
  ['GET', '/files/{file_id}', `/files/${UNKNOWN_FILE}`, 404],
  ['DELETE', '/files/{file_id}', `/files/${UNKNOWN_FILE}`, 404],
  ['DELETE', '/files/{file_id}', '/files/{file_id}', 412, { headers: { 'if-match': '"other"' } }],
  ['DELETE', '/files/{file_id}', '/files/{file_id}', 204],
  ['POST', '/upload', '/upload?name=a', 201, { headers: RAW, body: 'x' }],
  ['POST', '/upload', '/upload', 400, { headers: RAW, body: 'x' }],
  ['POST', '/upload', '/upload', 400, { headers: { 'content-type': 'multipart/form-data' }, body: 'x' }],
  ['PUT', '/write', '/write?name=a', 201, { headers: RAW, body: 'x' }],
  [
    'PUT',
    '/write',
    '/write?name=a',
    400,
    { headers: { ...RAW, 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }, body: 'x' },
  ],
  ['PUT', '/write', '/write?name=a', 412, { headers: { ...RAW, 'if-match': '*' }, body: 'x' }],
  ['PUT', '/write', '/write?name=a', 413, { headers: { ...RAW, 'content-length': 2 ** 40 }, body: 'x' }],
  ['PUT', '/write', '/write?name=a&replication=sync', 201, { headers: RAW, body: 'x' }],
  ['PUT', '/write', '/write?name=a&replication=sync&wait=3', 400, { headers: RAW, body: 'x' }],
  ['GET', '/admin/replicas/status', '/admin/replicas/status', 200],
  ['POST', '/admin/replicas/sync', '/admin/replicas/sync', 202],
  ['POST', '/admin/replicas/sync', '/admin/replicas/sync?store=nowhere', 404],
  ['POST', '/admin/scrub', '/admin/scrub', 202],
  ['POST', '/admin/scrub', '/admin/scrub?store=nowhere', 404],
  ['POST', '/admin/files/{file_id}/undelete', `/admin/files/${UNKNOWN_FILE}/undelete`, 404],
  ['POST', '/admin/files/{file_id}/undelete', '/admin/files/x/undelete', 400],
  ['POST', '/admin/files/{file_id}/undelete', '/admin/files/{file_id}/undelete', 409],
  ['POST', '/admin/repair', '/admin/repair?dry_run=true', 202],
  ['POST', '/admin/repair', '/admin/repair?deep=yes', 400],
  ['POST', '/admin/repair', '/admin/repair?store=nowhere', 404],
  ['GET', '/admin/operations/{operation_id}', '/admin/operations/nothing', 404],
  ...['/download', '/read'].flatMap((route): typeof REQUESTS => {
    const [pattern, path] = [`${route}/{file_id}`, `${route}/{file_id}`];
    return [
      ['GET', pattern, path, 200],
      ['HEAD', pattern, path, 200],
      ['HEAD', pattern, path, 200, { headers: { range: 'bytes=0-1' } }],
      ['HEAD', pattern, `${route}/${UNKNOWN_FILE}`, 404],
      ['GET', pattern, path, 206, { headers: { range: 'bytes=0-1' } }],
      ['GET', pattern, path, 206, { headers: { range: 'bytes=0-1,500-' } }],
      ['GET', pattern, path, 304, { headers: { 'if-none-match': '*' } }],
      ['GET', pattern, path, 412, { headers: { 'if-match': '"other"' } }],
      ['GET', pattern, path, 416, { headers: { range: 'bytes=9999-' } }],
      ['GET', pattern, `${route}/x`, 400],
    ];
  }),
  ['GET', '/admin/wal/segments', '/admin/wal/segments', 200],
  ['GET', '/admin/wal/entries', '/admin/wal/entries', 200],
  ['GET', '/admin/wal/inspect/{segment_id}', '/admin/wal/inspect/00000000000000000001', 200],
  ['GET', '/admin/wal/inspect/{segment_id}', '/admin/wal/inspect/7', 404],
];

describe('every answer is as it is described', () => {
  let document: OpenApiDocument;
  let described: DescribedAnswers;

  beforeAll(async () => {
    document = (await documentAt(open.url)) as unknown as OpenApiDocument;
    described = new DescribedAnswers(document);
  });

  it.each(REQUESTS)('%s %s: %s is %i', async (method, route, path, status, more) => {
    const file: StoredFile = await store(open.url, {
      name: 'a.txt',
      content: 'x'.repeat(1000),
      contentType: 'text/plain',
    });
    const answer = await ask(open.url + path.replace('{file_id}', file.file_id), { ...more, method });
    expect(answer.status).toBe(status);
    expect(described.untoldOf({ ...answer, method, route })).toEqual([]);
  });

  it('of every route without a key', async () => {
    for (const { method, path: route } of operationsOf(document)) {
      if (route === '/health') continue;
      const path = route.replaceAll(/\{\w+\}/g, UNKNOWN_FILE);
      const answer = await ask(locked.url + path, { method: method.toUpperCase() });
      expect(answer.status).toBe(401);
      expect(described.untoldOf({ ...answer, method, route })).toEqual([]);
    }
  });

  it('of every route while many guess at keys', async () => {
    const guess = { headers: { authorization: 'Bearer guessed-key-0123456789' } };
    for (let status = 0; status !== 429;) ({ status } = await ask(`${locked.url}/files`, guess));
    const answer = await ask(`${locked.url}/files`, guess);
    expect(described.untoldOf({ ...answer, method: 'GET', route: '/files' })).toEqual([]);
  });
});
