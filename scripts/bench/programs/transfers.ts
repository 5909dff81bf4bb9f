/**
 * Large transfers, all at once: `put` sends a body that many times, `get` reads an answer that many times and throws it
 * away. Prints the seconds from the first byte to the last answer. Its own process, so that it can be as slow as it is.
 */
import { createReadStream, statSync } from 'node:fs';
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';

export interface Transfers {
  readonly operation: 'put' | 'get';
  readonly url: string;
  readonly count: number;
  /** The body of a put: a file, or so many bytes of which no MiB is like another. */
  readonly path?: string;
  readonly sizeBytes?: number;
}

const PIECE_BYTES = 2 ** 20;
const options = JSON.parse(process.argv[2]!) as Transfers;
const agent = new Agent({ maxSockets: options.count });

function* pieces(sizeBytes: number, serial: number): Generator<Buffer> {
  for (let at = 0; at < sizeBytes; at += PIECE_BYTES) {
    const piece = Buffer.alloc(Math.min(PIECE_BYTES, sizeBytes - at), 0x5a);
    piece.writeUIntLE(at, 0, 6);
    piece.writeUInt32LE(serial, 8);
    yield piece;
  }
}

function answerOf(sizeBytes: number | undefined, send: (outgoing: ReturnType<typeof request>) => Promise<void>) {
  const headers = sizeBytes === undefined ? {} : { 'content-length': sizeBytes };
  const method = options.operation === 'put' ? 'PUT' : 'GET';
  return new Promise<IncomingMessage>((answered, failed) => {
    const outgoing = request(options.url, { method, agent, headers }, answered);
    outgoing.once('error', failed);
    send(outgoing).catch(failed);
  });
}

async function put(serial: number): Promise<string> {
  const { path, sizeBytes = statSync(path!).size } = options;
  const body =
    path === undefined
      ? Readable.from(pieces(sizeBytes, serial), { objectMode: false, highWaterMark: PIECE_BYTES })
      : createReadStream(path, { highWaterMark: PIECE_BYTES });
  const answer = await answerOf(sizeBytes, (outgoing) => pipeline(body, outgoing));
  const text = (await answer.toArray()).join('');
  if (answer.statusCode !== 201) throw new Error(`an upload was answered ${answer.statusCode}: ${text}`);
  // The bare server of a comparison knows no files.
  return text.startsWith('{') ? (JSON.parse(text) as { file_id: string }).file_id : '';
}

async function get(): Promise<string> {
  const answer = await answerOf(undefined, async (outgoing) => void outgoing.end());
  if (answer.statusCode !== 200) throw new Error(`a download was answered ${answer.statusCode}`);
  let bytes = 0;
  for await (const piece of answer) bytes += (piece as Buffer).length;
  if (bytes !== Number(answer.headers['content-length'])) throw new Error(`a download ended after ${bytes} bytes`);
  return '';
}

const startedMs = performance.now();
const fileIds = await Promise.all(
  Array.from({ length: options.count }, (_, index) => (options.operation === 'put' ? put(index) : get())),
);
console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1000, file_ids: fileIds }));
agent.destroy();
