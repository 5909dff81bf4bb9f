/** A TCP proxy on loopback that ends connections in the middle of a request: what came before its last byte has arrived. */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export class CuttingProxy implements AsyncDisposable {
  /** How many of the next pieces of requests are the last of their connection. */
  cuts = 0;
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
      if (this.cuts === 0) return void server.write(piece);
      this.cuts -= 1;
      server.write(piece.subarray(0, -1), () => {
        client.destroy();
        server.destroy();
      });
    });
    server.pipe(client);
    client.on('close', () => server.end());
  }
}
