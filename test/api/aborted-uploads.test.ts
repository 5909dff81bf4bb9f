// A thousand clients that go away in the middle of what they say: nothing of them stays, and the next one is served.
import { SeededRandom } from '#libs/durable-fs/testing';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, sha256, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow } from '../server/installation.js';
import { eventually, problemOf } from '../server/nothing-stored.js';
import { RawConnection } from '../server/raw-connection.js';

/** In chunks: so many uploads can be under way at once, each with the one buffer that it is sure of. */
const BUFFERS = 64;
const server = useServer({ BUFFER_BUDGET: `${BUFFERS * CHUNK_SIZE}B` });

const ABORTS = 1_000;
const AT_ONCE = 25;
const SEED = 20_261_121;
const MAX_BYTES = 12 * CHUNK_SIZE;
const CONTENT = testBytes(MAX_BYTES, 9);

/** All that a client says for one upload; the length is what it is said to be. */
function requestOf(random: SeededRandom, index: number): Buffer {
  const content = CONTENT.subarray(0, random.below(MAX_BYTES));
  const fields = `Host: localhost\r\nIdempotency-Key: key-${index}\r\n`;
  switch (random.below(3)) {
    case 0:
      return whole(`PUT /write?name=${index} HTTP/1.1\r\n${fields}Content-Length: ${content.length}\r\n\r\n`, content);
    case 1: {
      const head = `POST /upload?name=${index} HTTP/1.1\r\n${fields}Transfer-Encoding: chunked\r\n\r\n`;
      return whole(`${head}${content.length.toString(16)}\r\n`, content, '\r\n0\r\n\r\n');
    }
    default: {
      const form = whole(
        '--b\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n',
        content,
        '\r\n--b--\r\n',
      );
      const type = 'Content-Type: multipart/form-data; boundary=b';
      const head = `POST /upload?name=${index} HTTP/1.1\r\n${fields}${type}\r\nContent-Length: ${form.length}\r\n\r\n`;
      return whole(head, form);
    }
  }
}

function whole(head: string, content: Buffer, tail = ''): Buffer {
  return Buffer.concat([Buffer.from(head), content, Buffer.from(tail)]);
}

async function abortOne(random: SeededRandom, index: number): Promise<void> {
  const request = requestOf(random, index);
  const cutAt = random.below(request.length);
  const pauseAt = random.below(cutAt + 1);
  const connection = await RawConnection.open(server.url);
  connection.say(request.subarray(0, pauseAt));
  // Some are cut while the server is at work on what came before, some are not.
  if (random.below(2) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(10)));
  connection.say(request.subarray(pauseAt, cutAt));
  if (random.below(2) === 0) await new Promise((resolve) => setTimeout(resolve, random.below(10)));
  await connection.hangUp();
}

const descriptors = async (): Promise<number> => (await readdir(`/proc/${server.process.pid}/fd`)).length;

it(`nothing is left of ${ABORTS} uploads that were aborted at random points`, async () => {
  for (let warmUp = 0; warmUp < 5; warmUp += 1) await store(server.url, { name: 'warm', content: CONTENT });
  const before = await descriptors();
  const random = new SeededRandom(SEED);
  for (let done = 0; done < ABORTS; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => abortOne(random, done + index)));
  }
  await eventually(async () => {
    expect(await filesBelow(join(server.installation.primary, 'staging'))).toEqual([]);
    // Of this question's own connection is one, and a segment may be being made.
    expect(await descriptors()).toBeLessThanOrEqual(before + 2);
  });
  const { files } = (await ask(`${server.url}/files?limit=1000`)).json<{ files: StoredFile[] }>();
  expect(files.map(({ file_name }) => file_name)).toEqual(Array.from({ length: 5 }, () => 'warm'));
});

it('every buffer is free again: as many uploads as there are buffers can be under way', async () => {
  const body = CONTENT.subarray(0, 100);
  const head = 'PUT /write?name=held HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n';
  const held = await Promise.all(Array.from({ length: BUFFERS }, () => RawConnection.open(server.url)));
  for (const connection of held) connection.say(whole(`${head}64\r\n`, body, '\r\n'));
  // All of them have theirs when there is none for one more.
  const refused = await ask(`${server.url}/write?name=more`, { method: 'PUT', body: CONTENT });
  expect(problemOf(refused)).toEqual([503, 'overloaded']);
  for (const connection of held) connection.say('0\r\n\r\n');
  for (const connection of held) {
    await connection.hears(/"file_size":100/);
    await connection.hangUp();
  }
});

it('the next uploads work, also under the keys of those that were aborted', async () => {
  for (let index = 0; index < 20; index += 1) {
    const headers = { 'idempotency-key': `key-${index}` };
    const answer = await ask(`${server.url}/write?name=${index}`, { method: 'PUT', headers, body: CONTENT });
    expect([answer.status, answer.json<StoredFile>().sha256]).toEqual([201, sha256(CONTENT)]);
  }
});
