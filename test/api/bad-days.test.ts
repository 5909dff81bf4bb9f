// Downloads on bad days: the file is deleted under them, and readers come that never read.
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { store } from '../server/file-client.js';
import type { StoredFile } from '../server/file-client.js';
import { startServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { ask, testBytes } from '../server/http-client.js';
import { filesBelow } from '../server/installation.js';

const MIB = 1024 * 1024;

/** More than the buffers of a connection hold, so that a reader that does not read is waited for. */
const CONTENT = testBytes(32 * MIB, 7);

const SIZES = { CHUNK_SIZE: '1MiB', MAX_FILE_SIZE: '64MiB', REPLICAS: '' };

function begin(server: TestServer, file: StoredFile, headers = ''): Socket {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(`GET /download/${file.file_id} HTTP/1.1\r\nHost: localhost\r\n${headers}Connection: close\r\n\r\n`);
  return socket;
}

/** Everything that still comes; the socket had been left alone since the first bytes were there. */
async function finish(socket: Socket): Promise<{ head: string; body: Buffer }> {
  const pieces: Buffer[] = [];
  for await (const piece of socket) pieces.push(piece as Buffer);
  const bytes = Buffer.concat(pieces);
  const end = bytes.indexOf('\r\n\r\n');
  return { head: bytes.subarray(0, end).toString('latin1'), body: bytes.subarray(end + 4) };
}

describe('a file that is deleted while it is downloaded', () => {
  it('is sent to its end, byte for byte, and to nobody else', async () => {
    const server = await startServer({ ...SIZES, GC_GRACE: '1s' });
    const file = await store(server.url, { name: 'large', content: CONTENT });
    const ranges = `Range: bytes=${MIB - 5}-${9 * MIB},${11 * MIB}-${31 * MIB}\r\n`;
    const sockets = [begin(server, file), begin(server, file), begin(server, file, ranges)];
    await Promise.all(sockets.map((socket) => once(socket, 'readable')));
    expect((await ask(`${server.url}/files/${file.file_id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await ask(`${server.url}/download/${file.file_id}`)).status).toBe(404);
    // Long enough for the collection to have taken what nobody holds.
    await sleep(3_000);
    const [first, second, parts] = await Promise.all(sockets.map(finish));
    for (const whole of [first!, second!]) {
      expect(whole.head).toContain(`content-length: ${CONTENT.length}`);
      expect(whole.body.equals(CONTENT)).toBe(true);
    }
    expect(parts!.head).toContain(`content-length: ${parts!.body.length}`);
    expect(parts!.body.includes(CONTENT.subarray(MIB - 5, 9 * MIB + 1))).toBe(true);
    expect(parts!.body.includes(CONTENT.subarray(11 * MIB, 31 * MIB + 1))).toBe(true);
    const chunks = `${server.installation.primary}/chunks`;
    await expect.poll(() => filesBelow(chunks), { timeout: 30_000 }).toEqual([]);
  });
});

describe('readers that never read', () => {
  const READERS = 300;
  const IDLE_MS = 2_000;

  const descriptors = async (pid: number) => (await readdir(`/proc/${pid}/fd`)).length;
  const residentMib = async (pid: number) => {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]) / 1024;
  };

  it('cost no more than the buffers that there are, and leave nothing behind', async () => {
    const server = await startServer({ ...SIZES, BUFFER_BUDGET: '16MiB', IDLE_TIMEOUT: `${IDLE_MS}ms` });
    const { pid } = server.process;
    const file = await store(server.url, { name: 'large', content: CONTENT });
    const small = await store(server.url, { name: 'small', content: 'x' });
    const whole = async () => (await ask(`${server.url}/download/${file.file_id}`)).body.equals(CONTENT);
    expect(await whole()).toBe(true);
    const before = { descriptors: await descriptors(pid), residentMib: await residentMib(pid) };

    const sockets = Array.from({ length: READERS }, () => begin(server, file));
    await Promise.all(sockets.map((socket) => once(socket, 'connect')));
    await sleep(IDLE_MS / 2);
    expect(await descriptors(pid)).toBeGreaterThan(before.descriptors + READERS / 2);
    // What is small needs none of the buffers.
    expect((await ask(`${server.url}/read/${small.file_id}`)).body.toString()).toBe('x');
    expect(await residentMib(pid)).toBeLessThan(before.residentMib + 250);

    await expect.poll(() => descriptors(pid), { timeout: 60_000 }).toBeLessThanOrEqual(before.descriptors + 2);
    for (const socket of sockets) socket.destroy();
    expect(await whole()).toBe(true);
    expect(await residentMib(pid)).toBeLessThan(before.residentMib + 250);
  });
});
