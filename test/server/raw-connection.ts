/** A connection on which a test says exactly what it wants, when it wants, and hears what comes back so far. */
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';

const PATIENCE_MS = 10_000;

export class RawConnection {
  readonly #socket: Socket;
  readonly #ended: Promise<unknown>;
  heard = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#ended = once(socket, 'close');
    socket.on('error', () => undefined);
    socket.on('data', (piece: Buffer) => (this.heard += piece.toString('latin1')));
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  say(text: string | Buffer): void {
    this.#socket.write(text);
  }

  /** Resolves when what came back matches; what was heard so far is in the error where it does not. */
  async hears(pattern: RegExp): Promise<void> {
    const deadline = Date.now() + PATIENCE_MS;
    while (!pattern.test(this.heard)) {
      if (Date.now() > deadline || this.#socket.destroyed) throw new Error(`heard ${JSON.stringify(this.heard)}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Resolves when the server has closed. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Closes from this side, without a word. */
  async hangUp(): Promise<void> {
    this.#socket.destroy();
    await this.#ended;
  }
}
