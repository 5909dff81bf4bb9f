// One key, one file: a client that has not heard the answer asks again and cannot store twice, nor anything else by mistake.
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { CHUNK_SIZE, INLINE_MAX } from '../server/installation.js';
import { eventually, problemOf } from '../server/nothing-stored.js';
import { RawConnection } from '../server/raw-connection.js';

/** Without replicas: an answer says what these have by then, and would not be the same twice. */
const server = useServer({ REPLICAS: '' });

interface Upload {
  readonly key: string;
  readonly content: Buffer;
  readonly name?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

type Send = (upload: Upload) => Promise<Answer>;

const WAYS_IN: Array<[what: string, send: Send]> = [
  [
    'PUT /write',
    ({ key, content, name = 'a', headers }) =>
      ask(`${server.url}/write?name=${name}`, {
        method: 'PUT',
        headers: { 'idempotency-key': key, ...headers },
        body: content,
      }),
  ],
  [
    'POST /upload in pieces of unknown number',
    ({ key, content, name = 'a', headers }) =>
      ask(`${server.url}/upload?name=${name}`, {
        method: 'POST',
        headers: { 'idempotency-key': key, ...headers },
        body: inPieces(content),
      }),
  ],
  [
    'POST /upload with a form',
    ({ key, content, name = 'a', headers }) => {
      const head = `--b\r\nContent-Disposition: form-data; name="f"; filename="${name}"\r\n\r\n`;
      return ask(`${server.url}/upload`, {
        method: 'POST',
        headers: { 'idempotency-key': key, 'content-type': 'multipart/form-data; boundary=b', ...headers },
        body: Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--b--\r\n')]),
      });
    },
  ],
];

async function* inPieces(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000);
}

async function storedFiles(): Promise<StoredFile[]> {
  return (await ask(`${server.url}/files`)).json<{ files: StoredFile[] }>().files;
}

const SIZES: Array<[what: string, size: number]> = [
  ['an empty file', 0],
  ['an inline file', INLINE_MAX],
  ['a file in chunks', 3 * CHUNK_SIZE + 5],
];

let keys = 0;
const newKey = () => `key-${(keys += 1)}`;

afterEach(async () => {
  for (const { file_id } of await storedFiles()) await ask(`${server.url}/files/${file_id}`, { method: 'DELETE' });
});

describe.each(WAYS_IN)('%s', (_way, send) => {
  it.each(SIZES)('answers a retry of %s as it answered the first', async (_what, size) => {
    const upload = { key: newKey(), content: testBytes(size) };
    const first = await send(upload);
    const again = await send(upload);
    expect([first.status, again.status]).toEqual([201, 201]);
    expect(again.json()).toEqual(first.json());
    expect(again.headers.location).toBe(first.headers.location);
    expect(await storedFiles()).toHaveLength(1);
  });

  it.each<[what: string, size: number, other: Partial<Upload>]>([
    ['another name', 100, { name: 'b' }],
    ['a longer body', 100, { content: testBytes(101) }],
    ['a shorter body', 100, { content: testBytes(99) }],
    ['no body', 100, { content: Buffer.alloc(0) }],
    ['another small body', 100, { content: testBytes(100, 7) }],
    ['another large body', 3 * CHUNK_SIZE, { content: testBytes(3 * CHUNK_SIZE, 7) }],
  ])('refuses %s under the same key', async (_what, size, other) => {
    const upload = { key: newKey(), content: testBytes(size) };
    const first = (await send(upload)).json<StoredFile>();
    const answer = await send({ ...upload, ...other });
    expect(problemOf(answer)).toEqual([422, 'idempotency_mismatch']);
    expect(answer.json()['file_id']).toBe(first.file_id);
    expect(await storedFiles()).toEqual([first]);
    expect((await send(upload)).json()).toEqual(first);
  });

  it('verifies the digests of a retry', async () => {
    const upload = { key: newKey(), content: testBytes(100) };
    await send(upload);
    const answer = await send({ ...upload, headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } });
    expect(problemOf(answer)).toEqual([400, 'digest_mismatch']);
  });

  it('stores anew where the file was deleted', async () => {
    const upload = { key: newKey(), content: testBytes(100) };
    const { file_id } = (await send(upload)).json<StoredFile>();
    await ask(`${server.url}/files/${file_id}`, { method: 'DELETE' });
    const again = await send(upload);
    expect(again.status).toBe(201);
    expect(again.json<StoredFile>().file_id).not.toBe(file_id);
  });

  it.each(['', '"', 'a b', 'k'.repeat(256), 'k\u00e9y'])('refuses the key %j', async (key) => {
    expect(problemOf(await send({ key, content: testBytes(10) }))).toEqual([400, 'invalid_request']);
    expect(await storedFiles()).toEqual([]);
  });
});

it('takes a key in quotes for the same as without', async () => {
  const [, put] = WAYS_IN[0]!;
  const key = newKey();
  const first = await put({ key, content: testBytes(5) });
  expect((await put({ key: `"${key}"`, content: testBytes(5) })).json()).toEqual(first.json());
});

it('keeps uploads without a key, and under other keys, apart', async () => {
  const [, put] = WAYS_IN[0]!;
  for (const key of [newKey(), newKey(), '__proto__', 'constructor']) await put({ key, content: testBytes(5) });
  for (let upload = 0; upload < 2; upload += 1) {
    await ask(`${server.url}/write?name=a`, { method: 'PUT', body: testBytes(5) });
  }
  expect(await storedFiles()).toHaveLength(6);
});

describe('while the first upload is under way', () => {
  async function begin(key: string, size: number): Promise<RawConnection> {
    const connection = await RawConnection.open(server.url);
    const head = ['PUT /write?name=a HTTP/1.1', 'Host: localhost', 'Expect: 100-continue', `Idempotency-Key: ${key}`];
    connection.say(`${head.join('\r\n')}\r\nContent-Length: ${size}\r\n\r\n`);
    await connection.hears(/ 100 Continue/);
    return connection;
  }

  it('a second one is told when to ask again, and then gets the answer of the first', async () => {
    const [, put] = WAYS_IN[0]!;
    const upload = { key: newKey(), content: testBytes(CHUNK_SIZE) };
    const connection = await begin(upload.key, upload.content.length);
    connection.say(upload.content.subarray(0, 10));
    const early = await put(upload);
    expect(problemOf(early)).toEqual([409, 'idempotency_conflict']);
    expect(early.headers['retry-after']).toBe('1');
    connection.say(upload.content.subarray(10));
    await connection.hears(/"file_id"/);
    const again = await put(upload);
    expect(again.status).toBe(201);
    expect(connection.heard).toContain(again.json<StoredFile>().file_id);
    await connection.hangUp();
  });

  it('and breaks off, a second one is stored', async () => {
    const [, put] = WAYS_IN[0]!;
    const upload = { key: newKey(), content: testBytes(CHUNK_SIZE) };
    const connection = await begin(upload.key, upload.content.length);
    connection.say(upload.content.subarray(0, 10));
    await connection.hangUp();
    await eventually(async () => expect((await put(upload)).status).toBe(201));
    expect(await storedFiles()).toHaveLength(1);
  });
});

it('is known to the next process, however this one ended', async () => {
  const [, put] = WAYS_IN[0]!;
  const upload = { key: newKey(), content: testBytes(CHUNK_SIZE) };
  const first = (await put(upload)).json();
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    await server.restart(signal);
    expect((await put(upload)).json()).toEqual(first);
  }
});

it('has one file after a server was killed at any moment of it, and its client asked again', async () => {
  const [, put] = WAYS_IN[0]!;
  for (let round = 0; round < 5; round += 1) {
    const upload = { key: newKey(), content: testBytes(20 * CHUNK_SIZE, round + 1), name: `round-${round}` };
    const lost = put(upload).catch(() => undefined);
    await delay(round * 8);
    await server.restart('SIGKILL');
    await lost;
    const answer = await put(upload);
    expect(answer.status).toBe(201);
    const { files } = (await ask(`${server.url}/files?prefix=round-${round}`)).json<{ files: StoredFile[] }>();
    expect(files).toEqual([answer.json()]);
  }
});
