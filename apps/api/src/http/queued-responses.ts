/**
 * Answers to pipelined requests wait for those before them, and have no socket until it is their turn. Where the connection
 * ends first, Node tells such an answer nothing before nodejs/node#62534: its writes never call back, and whoever waits for
 * one holds its memory for ever. So it is told here: every answer ends with `close`, whatever became of its connection.
 */
import type { EventEmitter } from 'node:events';

/** What is needed of a `ServerResponse`. */
interface QueuedResponse {
  /** Null until it is its turn, and again when it has been sent. */
  readonly socket: object | null;
  readonly destroyed: boolean;
  destroy(): unknown;
  once(event: 'close', listener: () => void): unknown;
  emit(event: 'close'): unknown;
}

export class QueuedResponses {
  /** Of each connection, in which not every answer has ended. */
  readonly #open = new Map<EventEmitter, Set<QueuedResponse>>();

  follow(socket: EventEmitter, response: QueuedResponse): void {
    const open = this.#open.get(socket) ?? this.#begin(socket);
    open.add(response);
    response.once('close', () => open.delete(response));
  }

  /** One listener, however many requests a connection brings. */
  #begin(socket: EventEmitter): Set<QueuedResponse> {
    const open = new Set<QueuedResponse>();
    this.#open.set(socket, open);
    socket.once('close', () => {
      this.#open.delete(socket);
      for (const response of open) endQueued(response);
    });
    return open;
  }
}

/** One that has its socket hears of the end from Node. */
function endQueued(response: QueuedResponse): void {
  if (response.socket !== null) return;
  // Before the event, so that nobody who hears it begins another write.
  if (!response.destroyed) response.destroy();
  response.emit('close');
}
