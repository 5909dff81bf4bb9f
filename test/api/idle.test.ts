// A connection on which nothing moves is given up, and takes nothing with it; one that moves is not, however slowly.
import { once } from 'node:events';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE, filesBelow } from '../server/installation.js';

const IDLE_MS = 1_000;

const server = useServer({ REPLICAS: '', IDLE_TIMEOUT: `${IDLE_MS}ms` });

function connection() {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  return socket;
}

const UPLOAD = (length: number) =>
  `PUT /write?name=slow HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${length}\r\n\r\n`;

it('an upload that stops is given up, and nothing of it stays', async () => {
  const socket = connection();
  socket.write(UPLOAD(10 * CHUNK_SIZE));
  socket.write(testBytes(5 * CHUNK_SIZE));
  await once(socket, 'close');
  await sleep(200);
  expect(await filesBelow(join(server.installation.primary, 'staging'))).toEqual([]);
  expect((await ask(`${server.url}/files`)).json()).toMatchObject({ files: [] });
});

it('an upload that goes on is waited for, longer than any silence', async () => {
  const socket = connection();
  const content = testBytes(8 * 100);
  socket.write(UPLOAD(content.length));
  for (let at = 0; at < content.length; at += 100) {
    socket.write(content.subarray(at, at + 100));
    await sleep(IDLE_MS / 4);
  }
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1\.1 201 /);
  socket.destroy();
});

it('a download whose reader stalls for a moment goes on', async () => {
  const content = testBytes(60 * CHUNK_SIZE);
  const file = await store(server.url, { name: 'stalled', content });
  const socket = connection();
  socket.write(`GET /download/${file.file_id} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
  await sleep(IDLE_MS / 2);
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  expect(Buffer.concat(pieces).subarray(-content.length).equals(content)).toBe(true);
});

it.each(['', 'GET /files HTTP/1.1\r\n'])('a connection that says only %j is closed', async (text) => {
  const socket = connection();
  const startedAt = performance.now();
  socket.write(text);
  socket.resume();
  await once(socket, 'close');
  expect(performance.now() - startedAt).toBeGreaterThan(IDLE_MS / 2);
});
