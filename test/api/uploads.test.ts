// What comes out is what went in: every size at which the server takes another path, by every way in and every way out.
import { describe, expect, it } from 'vitest';
import { postForm, putRaw, sendForm, store } from '../server/file-client.js';
import type { NewFile, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { CHUNK_SIZE, INLINE_MAX, MAX_FILE_SIZE } from '../server/installation.js';

const server = useServer();

const SIZES: Array<[what: string, size: number, chunks: number]> = [
  ['no byte', 0, 0],
  ['one byte', 1, 1],
  ['the largest inline file', INLINE_MAX, 1],
  ['one byte more than inline', INLINE_MAX + 1, 1],
  ['exactly one chunk', CHUNK_SIZE, 1],
  ['one byte more than a chunk', CHUNK_SIZE + 1, 2],
  ['three chunks and five bytes', 3 * CHUNK_SIZE + 5, 4],
  ['the largest file', MAX_FILE_SIZE, MAX_FILE_SIZE / CHUNK_SIZE],
];

const WAYS_IN: Record<string, (url: string, file: NewFile) => Promise<Answer>> = {
  'PUT /write': putRaw,
  'POST /upload, raw': (url, { name, content }) =>
    ask(`${url}/upload?name=${encodeURIComponent(name)}`, { method: 'POST', body: content }),
  'POST /upload, raw in pieces of unknown number': (url, { name, content }) =>
    ask(`${url}/upload?name=${encodeURIComponent(name)}`, { method: 'POST', body: inPieces(Buffer.from(content)) }),
  'POST /upload, form': postForm,
};

async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

describe.each(Object.entries(WAYS_IN))('%s', (_way, send) => {
  it.each(SIZES)('stores %s', async (what, size, chunks) => {
    const content = testBytes(size, size + 1);
    const answer = await send(server.url, { name: `${what}.bin`, content });
    expect(answer.status).toBe(201);
    const file = answer.json<StoredFile>();
    expect(answer.headers.location).toBe(`/files/${file.file_id}`);
    expect(file).toMatchObject({
      file_name: `${what}.bin`,
      file_size: size,
      sha256: sha256(content),
      chunk_size: CHUNK_SIZE,
      chunk_count: chunks,
      replication: { mode: 'async', wait: 0 },
    });
    for (const route of ['download', 'read']) {
      const download = await ask(`${server.url}/${route}/${file.file_id}`);
      expect(download.status).toBe(200);
      expect(download.body.equals(content)).toBe(true);
    }
    // What the replicas have by then is their own matter.
    const replication = { ...file.replication, stores: expect.any(Array) };
    expect((await ask(`${server.url}/files/${file.file_id}`)).json()).toEqual({ ...file, replication });
  });
});

it('answers with every member of the contract', async () => {
  const before = Date.now();
  const file = await store(server.url, { name: 'members.bin', content: 'x' });
  expect(Object.keys(file)).toEqual([
    'file_id',
    'file_name',
    'file_size',
    'content_type',
    'sha256',
    'chunk_size',
    'chunk_count',
    'created_at',
    'log_id',
    'lsn',
    'replication',
  ]);
  expect(file.file_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(file.log_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(file.created_at).toBeGreaterThanOrEqual(before);
  expect(file.created_at).toBeLessThanOrEqual(Date.now());
  expect(file.lsn).toBeGreaterThan(0);
  expect(file.replication.stores.map(({ name }) => name)).toEqual(['replica1', 'replica2']);
});

describe('names', () => {
  const NAMES = [
    'plain.txt',
    'with "quotes" and \\ backslash.txt',
    '../../../etc/passwd',
    '/absolute/path',
    '..',
    'ünïcödé 日本語 📦.txt',
    'semi;colon=and%20percent.txt',
    ' spaces at both ends ',
    'x'.repeat(1024),
    '📦'.repeat(256),
  ];

  it.each(NAMES)('keeps %j', async (name) => {
    const file = await store(server.url, { name, content: 'named' });
    expect(file.file_name).toBe(name);
    const download = await ask(`${server.url}/download/${file.file_id}`);
    expect(download.body.toString()).toBe('named');
    expect(download.headers['content-disposition']).toMatch(/^attachment; filename[\u0020-\u007e]*$/);
  });

  it.each(NAMES.filter((name) => !name.includes('%') && !name.includes('\\')))('keeps %j in a form', async (name) => {
    const answer = await postForm(server.url, { name, content: 'named' });
    expect(answer.json<StoredFile>().file_name).toBe(name);
  });

  it.each([
    '',
    'line\nbreak',
    'carriage\rreturn',
    'nul\0',
    'del\u007f',
    'c1\u0085',
    'x'.repeat(1025),
    '📦'.repeat(257),
  ])('refuses %j', async (name) => {
    const raw = await putRaw(server.url, { name, content: 'x' });
    expect([raw.status, raw.json()['code']]).toEqual([400, 'invalid_file_name']);
    const form = await postForm(server.url, { name, content: 'x' });
    expect(form.status).toBe(400);
  });

  it('takes the name in the query before the one in the form', async () => {
    const form = new FormData();
    form.append('file', new Blob(['x']), 'in-the-form.txt');
    const answer = await sendForm(`${server.url}/upload?name=in-the-query.txt`, form);
    expect(answer.json<StoredFile>().file_name).toBe('in-the-query.txt');
  });

  it('never makes a path of one', async () => {
    const content = testBytes(CHUNK_SIZE * 2, 77);
    const file = await store(server.url, { name: '../../../../escaped.bin', content });
    const again = await ask(`${server.url}/download/${file.file_id}`);
    expect(again.body.equals(content)).toBe(true);
  });
});

describe('content types', () => {
  it.each([
    [undefined, 'application/octet-stream'],
    ['text/html', 'text/html'],
    ['text/plain; charset=utf-8', 'text/plain; charset=utf-8'],
    ['application/x-www-form-urlencoded', 'application/x-www-form-urlencoded'],
    ['application/json', 'application/json'],
    ['no media type', 'application/octet-stream'],
    [`text/${'x'.repeat(300)}`, 'application/octet-stream'],
  ])('%j is kept as %s', async (contentType, kept) => {
    const content = '{"not": "parsed"';
    const file = await store(server.url, { name: 'typed', content, ...(contentType && { contentType }) });
    expect(file.content_type).toBe(kept);
    const download = await ask(`${server.url}/download/${file.file_id}`);
    expect(download.headers['content-type']).toBe(kept);
    expect(download.body.toString()).toBe(content);
  });

  it('keeps the type of a part of a form', async () => {
    const answer = await postForm(server.url, { name: 'a.txt', content: 'x', contentType: 'text/plain;charset=utf-8' });
    expect(answer.json<StoredFile>().content_type).toBe('text/plain;charset=utf-8');
  });
});

it('stores the first file of a form with several', async () => {
  const form = new FormData();
  form.append('one', new Blob(['first']), 'first.txt');
  form.append('two', new Blob(['second']), 'second.txt');
  const file = (await sendForm(`${server.url}/upload`, form)).json<StoredFile>();
  expect(file.file_name).toBe('first.txt');
  expect((await ask(`${server.url}/read/${file.file_id}`)).body.toString()).toBe('first');
});

it('stores many files at once', async () => {
  const files = await Promise.all(
    Array.from({ length: 40 }, (_, index) =>
      store(server.url, { name: `many-${index}`, content: testBytes(index * 1_500, index + 1) }),
    ),
  );
  expect(new Set(files.map(({ lsn }) => lsn)).size).toBe(40);
  for (const [index, file] of files.entries()) {
    expect(file.sha256).toBe(sha256(testBytes(index * 1_500, index + 1)));
  }
});
