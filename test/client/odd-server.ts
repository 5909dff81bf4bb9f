/** A server that answers as the test says: what no Holdfast server would send, or only on a bad day. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HoldfastClient } from '#libs/client';
import type { ClientOptions, StoredFile } from '#libs/client';
import type { FileId } from '#libs/kernel';
import { onTestFinished } from 'vitest';
import { sha256 } from '../server/http-client.js';

export const FILE_ID = '01932b7e-8a2c-7c3d-9e4f-5a6b7c8d9e0f' as FileId;

export type Handler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

export interface OddServer {
  readonly url: string;
  /** Every request that came, in order. */
  readonly requests: IncomingMessage[];
  readonly client: HoldfastClient;
}

/** The handlers answer one request each, in order; the last one all that follow. The client waits for nothing. */
export async function oddServer(
  handlers: readonly Handler[],
  options: Partial<ClientOptions> = {},
): Promise<OddServer> {
  const requests: IncomingMessage[] = [];
  const server = createServer((request, response) => {
    const handle = handlers[Math.min(requests.length, handlers.length - 1)]!;
    requests.push(request);
    request.on('error', () => undefined);
    Promise.resolve(handle(request, response)).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const timing = { now: () => 0, random: () => 0, sleep: () => Promise.resolve() };
  return { url, requests, client: new HoldfastClient({ url, timing, ...options }) };
}

export async function received(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}

export function described(content: Buffer, facts: Partial<StoredFile> = {}): object {
  return { file_id: FILE_ID, file_name: 'f', file_size: content.length, sha256: sha256(content), ...facts };
}

/** Stores nothing, and answers as if it had. */
export const stores: Handler = async (request, response) => {
  const content = await received(request);
  response.writeHead(201, { 'content-type': 'application/json' }).end(JSON.stringify(described(content)));
};

export function problem(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Handler {
  return async (request, response) => {
    await received(request);
    response
      .writeHead(status, { 'content-type': 'application/problem+json', ...headers })
      .end(JSON.stringify({ code, detail: `It is ${code}.`, file_id: FILE_ID }));
  };
}

export const cutOff: Handler = (request) => void request.socket.destroy();

/** The content as a server of files gives it, ranges honoured; `breakAfterBytes` cuts the connection in the middle. */
export function serves(content: Buffer, { breakAfterBytes }: { breakAfterBytes?: number } = {}): Handler {
  return (request, response) => {
    const tag = `"${sha256(content)}"`;
    const [, first] = /^bytes=(\d+)-/.exec(request.headers.range ?? '') ?? [];
    const isPart = first !== undefined && [undefined, tag].includes(request.headers['if-range'] as string | undefined);
    const start = isPart ? Number(first) : 0;
    const place = isPart ? { 'content-range': `bytes ${start}-${content.length - 1}/${content.length}` } : {};
    response.writeHead(isPart ? 206 : 200, { etag: tag, 'content-length': content.length - start, ...place });
    if (breakAfterBytes === undefined) response.end(content.subarray(start));
    else
      response.write(content.subarray(start, start + breakAfterBytes), () => setTimeout(() => response.destroy(), 20));
  };
}
