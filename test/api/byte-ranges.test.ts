// Several ranges in one request: exactly those bytes, in parts that say what they are, from no more chunks than needed.
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { Problem, StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import type { Answer } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow, INLINE_MAX } from '../server/installation.js';

/** Without replicas, which would give what the primary cannot. */
const server = useServer({ REPLICAS: '' });

const LARGE = testBytes(4 * CHUNK_SIZE + 5, 3);
const SMALL = testBytes(INLINE_MAX, 4);
const CONTENT_TYPE = 'text/html; charset=utf-8';

let large: StoredFile;
let small: StoredFile;

beforeAll(async () => {
  large = await store(server.url, { name: 'large.html', content: LARGE, contentType: CONTENT_TYPE });
  small = await store(server.url, { name: 'small.bin', content: SMALL });
});

const download = (file: StoredFile, range: string, method = 'GET') =>
  ask(`${server.url}/download/${file.file_id}`, { method, headers: { range } });

interface Part {
  readonly headers: Record<string, string>;
  readonly bytes: Buffer;
}

/** Takes a multipart answer apart by its grammar; anything beside it is an error. */
function partsOf({ headers, body }: Answer): Part[] {
  const boundary = /^multipart\/byteranges; boundary=([0-9a-f]{48})$/.exec(headers['content-type'] ?? '')![1]!;
  expect(headers['content-length']).toBe(String(body.length));
  const text = `\r\n${body.toString('latin1')}`;
  const pieces = text.split(`\r\n--${boundary}`);
  expect([pieces.shift(), pieces.pop()]).toEqual(['', '--\r\n']);
  return pieces.map((piece) => {
    const end = piece.indexOf('\r\n\r\n');
    const lines = piece.slice(2, end).split('\r\n');
    const fields = lines.map((line) => line.split(': ') as [string, string]);
    return { headers: Object.fromEntries(fields), bytes: Buffer.from(piece.slice(end + 4), 'latin1') };
  });
}

const RANGES: Array<[range: string, expected: Array<[start: number, end: number]>]> = [
  [
    'bytes=0-0,-1',
    [
      [0, 1],
      [LARGE.length - 1, LARGE.length],
    ],
  ],
  [
    'bytes=60000-60009, 0-4',
    [
      [60_000, 60_010],
      [0, 5],
    ],
  ],
  [
    `bytes=5-6,${CHUNK_SIZE - 2}-${CHUNK_SIZE + 1},1000-1001`,
    [
      [5, 7],
      [CHUNK_SIZE - 2, CHUNK_SIZE + 2],
      [1000, 1002],
    ],
  ],
  // Two in one chunk, and one over several.
  [
    'bytes=0-0,300-300,20000-50000',
    [
      [0, 1],
      [300, 301],
      [20_000, 50_001],
    ],
  ],
  [
    'bytes=0-10,5-20,40000-40001,99999999-',
    [
      [0, 21],
      [40_000, 40_002],
    ],
  ],
];

describe('several ranges', () => {
  it.each(RANGES)('%s', async (range, expected) => {
    const answer = await download(large, range);
    expect(answer.status).toBe(206);
    expect(answer.headers).not.toHaveProperty('content-range');
    expect(answer.headers).toMatchObject({
      etag: `"${large.sha256}"`,
      'x-content-type-options': 'nosniff',
      'content-security-policy': 'sandbox',
      'content-disposition': expect.stringMatching(/^attachment;/),
    });
    expect(partsOf(answer)).toEqual(
      expected.map(([start, end]) => ({
        headers: { 'content-type': CONTENT_TYPE, 'content-range': `bytes ${start}-${end - 1}/${LARGE.length}` },
        bytes: LARGE.subarray(start, end),
      })),
    );
  });

  it('of an inline file', async () => {
    const parts = partsOf(await download(small, 'bytes=1000-1009,0-4'));
    expect(Buffer.concat(parts.map(({ bytes }) => bytes))).toEqual(
      Buffer.concat([SMALL.subarray(1000, 1010), SMALL.subarray(0, 5)]),
    );
  });

  it('have a boundary that nobody can know beforehand', async () => {
    const answers = await Promise.all([1, 2].map(() => download(large, 'bytes=0-0,-1')));
    expect(new Set(answers.map(({ headers }) => headers['content-type'])).size).toBe(2);
  });

  it('that are one are answered as one', async () => {
    const answer = await download(large, 'bytes=0-9,10-19,5-12');
    expect(answer.headers).toMatchObject({
      'content-range': `bytes 0-19/${LARGE.length}`,
      'content-type': CONTENT_TYPE,
    });
    expect(answer.body.equals(LARGE.subarray(0, 20))).toBe(true);
  });

  it('none of which is there are refused with the size', async () => {
    const answer = await download(large, `bytes=${LARGE.length}-,-0`);
    expect([answer.status, answer.json<Problem>().code]).toEqual([416, 'range_not_satisfiable']);
    expect(answer.headers['content-range']).toBe(`bytes */${LARGE.length}`);
  });

  it.each([
    'bytes=0-0,5-2',
    `bytes=${Array.from({ length: 1000 }, (_, index) => `${index * 60}-${index * 60}`).join()}`,
  ])('that are absurd get the whole file: %.40s', async (range) => {
    const answer = await download(large, range);
    expect(answer.status).toBe(200);
    expect(answer.body.equals(LARGE)).toBe(true);
  });

  it('do not matter to HEAD', async () => {
    const answer = await download(large, 'bytes=0-0,-1', 'HEAD');
    expect([answer.status, answer.headers['content-length']]).toEqual([200, String(LARGE.length)]);
  });

  it('are read from their own chunks alone: damage elsewhere does not matter, and within cuts the answer', async () => {
    const content = testBytes(5 * CHUNK_SIZE, 99);
    const file = await store(server.url, { name: 'damaged', content });
    const chunks = join(server.installation.primary, 'chunks');
    const third = sha256(content.subarray(2 * CHUNK_SIZE, 3 * CHUNK_SIZE));
    const path = join(
      chunks,
      (await filesBelow(chunks)).find((each) => each.endsWith(third))!,
    );
    const handle = await open(path, 'r+');
    await handle.write(Buffer.from([content[2 * CHUNK_SIZE]! ^ 0xff]), 0, 1, 0);
    await handle.close();
    const whole = partsOf(await download(file, `bytes=0-9,${4 * CHUNK_SIZE}-`));
    expect(whole[1]!.bytes.equals(content.subarray(4 * CHUNK_SIZE))).toBe(true);
    await expect(download(file, `bytes=0-9,${2 * CHUNK_SIZE}-${2 * CHUNK_SIZE}`)).rejects.toThrow(
      /aborted|ECONNRESET|socket hang up/,
    );
  });
});
