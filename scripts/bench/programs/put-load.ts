/** The load generator for machines without wrk: PUTs one body over kept-alive connections. Its own process. */
import { readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';

const { url, connections, seconds, body } = JSON.parse(process.argv[2]!) as {
  readonly url: string;
  readonly connections: number;
  readonly seconds: number;
  readonly body: string;
};
const bytes = readFileSync(body);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
const headers = { 'content-length': bytes.length };

let requests = 0;
let failures = 0;

function putOne(): Promise<boolean> {
  return new Promise((done) => {
    const outgoing = request(url, { method: 'PUT', agent, headers }, (incoming) => {
      incoming.resume().once('end', () => done(incoming.statusCode! >= 200 && incoming.statusCode! < 300));
    });
    outgoing.once('error', () => done(false));
    outgoing.end(bytes);
  });
}

async function connection(endsMs: number): Promise<void> {
  while (performance.now() < endsMs) {
    const succeeded = await putOne();
    // An answer after the window is not of the window.
    if (performance.now() >= endsMs) return;
    requests += 1;
    if (!succeeded) failures += 1;
  }
}

const startedMs = performance.now();
await Promise.all(Array.from({ length: connections }, () => connection(startedMs + seconds * 1000)));
console.log(`RESULT ${JSON.stringify({ requests, seconds, failures })}`);
agent.destroy();
