/**
 * So many small uploads over so many connections, each begun when the one before it on its connection was answered. Every
 * file has other bytes. `wrk` knows no count. Prints the seconds. Its own process.
 */
import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';

export interface PutFiles {
  readonly url: string;
  readonly files: number;
  readonly connections: number;
  readonly fileBytes: number;
}

const { url, files, connections, fileBytes } = JSON.parse(process.argv[2]!) as PutFiles;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
let begun = 0;

function put(body: Buffer): Promise<void> {
  return new Promise((done, failed) => {
    const outgoing = request(url, { method: 'PUT', agent, headers: { 'content-length': body.length } }, (incoming) => {
      const { statusCode } = incoming;
      incoming.resume().once('error', failed);
      incoming.once('end', () => {
        if (statusCode === 201) done();
        else failed(new Error(`an upload was answered ${statusCode}`));
      });
    });
    outgoing.once('error', failed);
    outgoing.end(body);
  });
}

async function connection(): Promise<void> {
  const body = randomBytes(fileBytes);
  while (begun < files) {
    body.writeUInt32LE((begun += 1));
    await put(body);
  }
}

const startedMs = performance.now();
await Promise.all(Array.from({ length: connections }, () => connection()));
console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1000 }));
agent.destroy();
