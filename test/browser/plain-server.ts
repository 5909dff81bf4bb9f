/** A server that sends files without a thought: what a browser then does is what ours must prevent. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PlainFile {
  readonly content: string;
  /** None leaves the guess to the browser. */
  readonly contentType: string | undefined;
}

export class PlainServer {
  readonly #files: Map<string, PlainFile>;
  readonly #server: Server;
  /** Targets of all requests, in the order in which they came. */
  readonly asked: string[] = [];

  private constructor(files: Map<string, PlainFile>) {
    this.#files = files;
    this.#server = createServer((request, response) => {
      const target = request.url ?? '';
      this.asked.push(target);
      const file = this.#files.get(target.split('?', 1)[0]!);
      const headers = file?.contentType === undefined ? {} : { 'content-type': file.contentType };
      response.writeHead(file === undefined ? 404 : 200, headers).end(file?.content);
    });
  }

  /** `files` by path; more may be added later. */
  static async start(files: Map<string, PlainFile>): Promise<PlainServer> {
    const plain = new PlainServer(files);
    plain.#server.listen(0, '127.0.0.1');
    await once(plain.#server, 'listening');
    return plain;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
