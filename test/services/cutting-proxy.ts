/** A TCP proxy on loopback that ends connections in the middle of a request: what came before its last byte has arrived. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

const MAX_REQUEST_LINE = 1_024;

export class CuttingProxy implements AsyncDisposable {
  #cuts = 0;
  #path: string | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(port: number) {
    this.#server = createServer((client) => this.#join(client, connect(port, '127.0.0.1')));
  }

  /** To a port on loopback. */
  static async to(port: number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Cuts the next put off, and so many attempts at the same object; other objects pass, however many are on their way. */
  cutNextPut(attempts: number): void {
    this.#cuts = attempts;
    this.#path = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  #join(client: Socket, server: Socket): void {
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    client.on('data', (piece: Buffer) => {
      if (!this.#isCut(piece)) return void server.write(piece);
      server.write(piece.subarray(0, -1), () => {
        client.destroy();
        server.destroy();
      });
    });
    server.pipe(client);
    client.on('close', () => server.end());
  }

  #isCut(piece: Buffer): boolean {
    const path = /^PUT (\S+)/.exec(piece.toString('latin1', 0, MAX_REQUEST_LINE))?.[1];
    if (this.#cuts === 0 || path === undefined || path !== (this.#path ?? path)) return false;
    this.#cuts -= 1;
    this.#path = path;
    return true;
  }
}
