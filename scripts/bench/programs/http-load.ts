/** The load generator for machines without wrk: one request after the other over kept-alive connections. Its own process. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';

const { url, connections, seconds, body } = JSON.parse(process.argv[2]!) as {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  /** A file to PUT; without one the requests are GETs. */
  readonly body?: string;
};
const sent = body === undefined ? undefined : readFileSync(body);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const method = sent === undefined ? 'GET' : 'PUT';
const headers = sent === undefined ? {} : { 'content-length': sent.length };
const startedMs = performance.now();
const endsMs = startedMs + seconds * 1000;

let requests = 0;
let failures = 0;
let bytes = 0;

function requestOne(): Promise<boolean> {
  return new Promise((done) => {
    const outgoing = request(url, { method, agent, headers }, (incoming) => {
      incoming.on('data', (piece: Buffer) => (bytes += performance.now() < endsMs ? piece.length : 0));
      incoming.once('end', () => done(isSuccess(incoming))).once('error', () => done(false));
    });
    outgoing.once('error', () => done(false));
    outgoing.end(sent);
  });
}

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300;

async function connection(): Promise<void> {
  while (performance.now() < endsMs) {
    const succeeded = await requestOne();
    // An answer after the window is not of the window.
    if (performance.now() >= endsMs) return;
    requests += 1;
    if (!succeeded) failures += 1;
  }
}

await Promise.all(Array.from({ length: connections }, () => connection()));
console.log(`RESULT ${JSON.stringify({ requests, seconds, bytes, failures })}`);
agent.destroy();
