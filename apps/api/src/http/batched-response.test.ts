import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BatchedResponse } from './batched-response.js';

const REQUEST = 'GET / HTTP/1.1\r\nHost: here\r\n\r\n';

let server: Server;
let client: Socket;
/** What the server does with a request. */
let answer: (response: ServerResponse) => void;

beforeEach(async () => {
  server = createServer({ ServerResponse: BatchedResponse }, (_request, response) => answer(response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  await once(client, 'connect');
});
afterEach(async () => {
  client.destroy();
  server.closeAllConnections();
  server.close();
  await once(server, 'close');
});

/** Everything the client receives until it has seen `end`, `times`. */
async function received({ end, times }: { readonly end: string; readonly times: number }): Promise<string> {
  let text = '';
  for await (const piece of client.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    text += String(piece);
    if (text.split(end).length > times) return text;
  }
  throw new Error(`the connection ended behind ${JSON.stringify(text)}`);
}

describe('answers that leave together', () => {
  it('are held until the turn ends, and no longer', async () => {
    const held: number[] = [];
    answer = (response) => {
      const { socket } = response;
      response.write('whole', () => response.end());
      // Behind Node's own tick, in which it uncorks what it has corked.
      process.nextTick(() => process.nextTick(() => held.push(socket!.writableCorked)));
      setImmediate(() => setImmediate(() => held.push(socket!.writableCorked)));
    };
    client.write(REQUEST);
    await received({ end: 'whole', times: 1 });
    await vi.waitUntil(() => held.length === 2);
    expect(held).toEqual([1, 0]);
  });

  it('arrive whole and in order where a client asks for several at once', async () => {
    let count = 0;
    answer = (response) => {
      count += 1;
      response.end(`answer ${count}.`);
    };
    client.write(REQUEST.repeat(3));
    const text = await received({ end: 'answer', times: 3 });
    expect(text.match(/answer \d\./g)).toEqual(['answer 1.', 'answer 2.', 'answer 3.']);
  });

  it('are not held back by a body that comes later', async () => {
    const bodyIsWanted = Promise.withResolvers<void>();
    answer = (response) => {
      response.writeHead(200, { 'X-Head': 'sent' }).flushHeaders();
      void bodyIsWanted.promise.then(() => response.end('whole'));
    };
    client.write(REQUEST);
    expect(await received({ end: '\r\n\r\n', times: 1 })).toContain('X-Head: sent');
    bodyIsWanted.resolve();
    await received({ end: 'whole', times: 1 });
  });
});
