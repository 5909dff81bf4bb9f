/**
 * One upload after the other on one connection, each of other bytes. Prints the milliseconds of each, from its first byte
 * to the end of the answer. Throws where a synchronous one was answered before every replica had it. Its own process.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';

export interface PutLatency {
  readonly url: string;
  readonly replication: 'sync' | 'async';
  readonly files: number;
  readonly fileBytes: number;
}

interface Receipt {
  readonly replication: { readonly stores: readonly { readonly state: string }[] };
}

const { url, replication, files, fileBytes } = JSON.parse(process.argv[2]!) as PutLatency;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });
const body = randomBytes(fileBytes);
const address = `${url}&replication=${replication}${replication === 'sync' ? '&wait=all' : ''}`;

async function put(serial: number): Promise<Receipt> {
  body.writeUInt32LE(serial);
  const answer = await new Promise<IncomingMessage>((answered, failed) => {
    const outgoing = request(address, { method: 'PUT', agent, headers: { 'content-length': fileBytes } }, answered);
    outgoing.once('error', failed);
    outgoing.end(body);
  });
  const text = (await answer.toArray()).join('');
  if (answer.statusCode !== 201) throw new Error(`an upload was answered ${answer.statusCode}: ${text}`);
  return JSON.parse(text) as Receipt;
}

const milliseconds: number[] = [];
for (let serial = 0; serial < files; serial += 1) {
  const startedMs = performance.now();
  const receipt = await put(serial);
  milliseconds.push(performance.now() - startedMs);
  const { stores } = receipt.replication;
  if (replication === 'sync' && !(stores.length > 0 && stores.every(({ state }) => state === 'stored')))
    throw new Error(`a synchronous upload was answered before its copies were there: ${JSON.stringify(stores)}`);
}
console.log(JSON.stringify({ milliseconds }));
agent.destroy();
