// Clients that ask for two large files at once on one connection, read none of it, and are gone: their buffers come back.
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import { useServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { CHUNK_SIZE } from '../server/installation.js';
import { eventually } from '../server/nothing-stored.js';

const BUFFERS = 16;
const CLIENTS = 5 * BUFFERS;
const AT_ONCE = 4;

/** More than the sockets of both ends hold, so that the first answer is under way when its reader goes. */
const LARGE = 24 * 1024 * 1024;

const server = useServer({ REPLICAS: '', MAX_FILE_SIZE: '32MiB', BUFFER_BUDGET: `${BUFFERS * CHUNK_SIZE}B` });

async function askAndLeave(request: string): Promise<void> {
  const socket: Socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(request);
  await once(socket, 'readable');
  const closed = once(socket, 'close');
  socket.resetAndDestroy();
  await closed;
}

it('two downloads on one connection that is reset hold no buffer', async () => {
  const { file_id } = await store(server.url, { name: 'large', content: testBytes(LARGE, 5) });
  const request = `GET /download/${file_id} HTTP/1.1\r\nHost: localhost\r\n\r\n`.repeat(2);
  for (let done = 0; done < CLIENTS; done += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, () => askAndLeave(request)));
  }
  // As many uploads at once as there are buffers: none waits for one that is gone.
  const body = testBytes(10 * CHUNK_SIZE, 6);
  await eventually(async () => {
    const uploads = Array.from({ length: BUFFERS }, (_, index) =>
      ask(`${server.url}/write?name=after-${index}`, { method: 'PUT', body }),
    );
    const statuses = (await Promise.all(uploads)).map(({ status }) => status);
    expect(statuses).toEqual(uploads.map(() => 201));
  });
});
