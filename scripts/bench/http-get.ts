/** One GET, on a connection of its own: nothing kept alive that would meet a server after its end. */
import { get } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export function httpGet(url: string): Promise<Answer> {
  return new Promise((done, failed) => {
    get(url, { agent: false }, (incoming) => {
      const parts: Buffer[] = [];
      incoming.on('data', (part: Buffer) => parts.push(part));
      incoming.once('error', failed);
      incoming.once('end', () => done({ status: incoming.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    }).once('error', failed);
  });
}
