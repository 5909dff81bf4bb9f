// The client against a real server that is killed in the middle of a transfer, and comes back or does not.
import { ClientError, HoldfastClient } from '#libs/client';
import type { Download, StoredFile } from '#libs/client';
import { appendFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startServer, useServer } from '../server/harness.js';
import type { TestServer } from '../server/harness.js';
import { sha256, testBytes } from '../server/http-client.js';

const MIB = 1024 * 1024;
const CONTENT = testBytes(8 * MIB, 3);
const API_KEY = 'laptop:a-key-of-some-length';

/** A server that comes back at the same address. */
function restartable(): Promise<TestServer> {
  // Below the ports that systems give out by themselves, so that no other process is given it during the restart.
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  return startServer({ PORT: String(port), MAX_FILE_SIZE: '64MiB', WAL_MAX_SIZE: '64MiB' });
}

async function names(client: HoldfastClient): Promise<string[]> {
  const found: string[] = [];
  for await (const { file_name } of client.list()) found.push(file_name);
  return found;
}

async function all({ bytes }: Download, meanwhile: (sofarBytes: number) => Promise<void>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const piece of bytes) {
    pieces.push(piece);
    await meanwhile((sizeBytes += piece.length));
  }
  return Buffer.concat(pieces);
}

function onceBeyond(bytes: number, act: () => Promise<unknown>): (sofarBytes: number) => Promise<void> {
  let isDone = false;
  return async (sofarBytes) => {
    if (isDone || sofarBytes <= bytes) return;
    isDone = true;
    await act();
  };
}

/** Gives the content in pieces, and waits between them for what happens `meanwhile`. */
async function* inPieces(content: Buffer, meanwhile: (sofarBytes: number) => Promise<void>) {
  for (let at = 0; at < content.length; at += 64 * 1024) {
    await meanwhile(at);
    yield content.subarray(at, at + 64 * 1024);
  }
}

describe('a server that is killed', () => {
  it('in the middle of a download, and comes back: the download goes on where it was', async () => {
    const server = await restartable();
    const client = new HoldfastClient({ url: server.url });
    const { file_id } = await client.put({ bytes: CONTENT }, { name: 'f' });
    let kills = 0;
    const kill = onceBeyond(MIB, async () => {
      kills += 1;
      await server.restart('SIGKILL');
    });
    const bytes = await all(await client.get(file_id), kill);
    expect([sha256(bytes), kills]).toEqual([sha256(CONTENT), 1]);
  });

  it('in the middle of an upload, and comes back: the upload is sent again, and stored once', async () => {
    const server = await restartable();
    const client = new HoldfastClient({ url: server.url });
    await client.stat((await client.put({ bytes: Buffer.from('first') }, { name: 'a' })).file_id);
    const kill = onceBeyond(MIB, () => server.restart('SIGKILL'));
    let readings = 0;
    const open = () => {
      readings += 1;
      return inPieces(CONTENT, kill);
    };
    const file = await client.put({ open, sizeBytes: CONTENT.length }, { name: 'b' });
    expect(file.sha256).toBe(sha256(CONTENT));
    expect(readings).toBeGreaterThan(1);
    expect(await names(client)).toEqual(['a', 'b']);
    expect(sha256(await all(await client.get(file.file_id), () => Promise.resolve()))).toBe(sha256(CONTENT));
  });

  it('in the middle of an upload of a stream that can be read once: the client says so, and nothing is stored', async () => {
    const server = await restartable();
    const client = new HoldfastClient({ url: server.url });
    let restarted: Promise<void> | undefined;
    const kill = onceBeyond(MIB, () => (restarted = server.restart('SIGKILL')));
    const error = await client
      .put({ stream: inPieces(CONTENT, kill) }, { name: 'b' })
      .catch((thrown: unknown) => thrown);
    expect(ClientError.is(error, 'connection_lost')).toBe(true);
    await restarted;
    expect(await names(client)).toEqual([]);
  });

  it('in the middle of a download, and stays away: the client says so', async () => {
    const server = await restartable();
    const client = new HoldfastClient({ url: server.url, retry: { maxTotalMs: 500 } });
    const { file_id } = await client.put({ bytes: CONTENT }, { name: 'f' });
    const kill = onceBeyond(MIB, () => server.process.stop('SIGKILL'));
    const error = await client
      .get(file_id)
      .then((download) => all(download, kill), undefined)
      .catch((thrown: unknown) => thrown);
    expect(error).toEqual(expect.objectContaining({ name: 'ClientError', code: 'unreachable' }));
  });
});

describe('a real server', () => {
  const server = useServer({ API_KEY, REPLICAS: '' });
  const connect = () => new HoldfastClient({ url: server.url, apiKey: API_KEY.split(':')[1] });

  async function temporaryFile(content: Buffer): Promise<string> {
    const directory = await mkdtemp(join(tmpdir(), 'holdfast-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    await writeFile(join(directory, 'f'), content);
    return join(directory, 'f');
  }

  it.each([0, 1, 5000, 900_000])('gives back what was put: %i bytes, from a path', async (sizeBytes) => {
    const content = testBytes(sizeBytes, 9);
    const client = connect();
    const sent: number[] = [];
    const path = await temporaryFile(content);
    const file = await client.put(
      { path },
      { name: `ü ${sizeBytes}`, contentType: 'text/plain', onProgress: (now) => sent.push(now) },
    );
    expect(file).toMatchObject({ file_size: sizeBytes, content_type: 'text/plain', sha256: sha256(content) });
    expect(sent.at(-1) ?? 0).toBe(sizeBytes);
    expect(await client.stat(file.file_id)).toEqual(file);
    const download = await client.get(file.file_id);
    expect(download).toMatchObject({
      sizeBytes,
      sha256: file.sha256,
      contentType: 'text/plain',
      start: 0,
      end: sizeBytes,
    });
    expect((await all(download, () => Promise.resolve())).equals(content)).toBe(true);
  });

  it('gives a part of a file, and says where there is none', async () => {
    const client = connect();
    const content = testBytes(100_000, 4);
    const { file_id } = await client.put({ bytes: content }, { name: 'parts' });
    const part = await client.get(file_id, { range: { start: 10, end: 70_000 } });
    expect(part).toMatchObject({ start: 10, end: 70_000, sizeBytes: 100_000 });
    expect((await all(part, () => Promise.resolve())).equals(content.subarray(10, 70_000))).toBe(true);
    const rest = await client.get(file_id, { range: { start: 99_990, end: 200_000 } });
    expect((await all(rest, () => Promise.resolve())).equals(content.subarray(99_990))).toBe(true);
    await expect(client.get(file_id, { range: { start: 100_000 } })).rejects.toMatchObject({
      code: 'range_not_satisfiable',
      status: 416,
    });
  });

  it('refuses other bytes than the ones asked for', async () => {
    const client = connect();
    const { file_id } = await client.put({ bytes: Buffer.from('one') }, { name: 'expected' });
    const other = sha256(Buffer.from('other'));
    await expect(client.get(file_id, { sha256: other })).rejects.toMatchObject({ code: 'content_changed' });
    await expect(client.get(file_id, { sha256: other, range: { start: 1 } })).rejects.toMatchObject({
      code: 'content_changed',
    });
  });

  it('lists page after page', async () => {
    const client = connect();
    for (let index = 0; index < 7; index += 1) await client.put({ bytes: Buffer.from('x') }, { name: `page/${index}` });
    const found: StoredFile[] = [];
    for await (const file of client.list({ prefix: 'page/', pageSize: 3 })) found.push(file);
    expect(found.map(({ file_name }) => file_name)).toEqual([0, 1, 2, 3, 4, 5, 6].map((index) => `page/${index}`));
  });

  it('deletes once, and says so the second time', async () => {
    const client = connect();
    const { file_id } = await client.put({ bytes: Buffer.from('x') }, { name: 'gone' });
    await client.delete(file_id);
    await expect(client.delete(file_id)).rejects.toMatchObject({ code: 'file_not_found', status: 404 });
    await expect(client.get(file_id)).rejects.toMatchObject({ code: 'file_not_found' });
  });

  it('answers a wrong key and a name that is none', async () => {
    const stranger = new HoldfastClient({ url: server.url, apiKey: 'another-key-of-some-length' });
    await expect(stranger.put({ bytes: CONTENT }, { name: 'f' })).rejects.toMatchObject({
      code: 'unauthorized',
      status: 401,
    });
    await expect(connect().put({ bytes: CONTENT }, { name: 'a\nb' })).rejects.toMatchObject({
      code: 'invalid_file_name',
    });
    await expect(connect().put({ bytes: CONTENT }, { name: 'big' })).rejects.toMatchObject({
      code: 'file_too_large',
      status: 413,
    });
  });

  it('stores nothing of a file that grows while it is read', async () => {
    const client = connect();
    const path = await temporaryFile(testBytes(600_000, 2));
    const onProgress = (sentBytes: number) => void (sentBytes < 300_000 && appendFileSync(path, 'more'));
    await expect(client.put({ path }, { name: 'growing', onProgress })).rejects.toMatchObject({
      code: 'source_changed',
    });
    expect(await names(client)).not.toContain('growing');
  });
});
