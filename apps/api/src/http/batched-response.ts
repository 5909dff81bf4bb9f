/**
 * Answers that are decided in one turn of the event loop leave together at its end. Each of them is a system call that
 * may wake a client on another processor: between the work for two requests the wake-up costs as much as the work (small
 * cached downloads at 32 connections are twice as fast together), and one after another most of them find the clients
 * awake. An answer waits at most for what else arrived in the same turn; with one connection that is nothing.
 *
 * An answer that is ended in the turn in which it began leaves at once: Node uncorks the socket for it, however often it was
 * corked. Uploads end so, and are not measurably slower for it: their answers come in the batches of the log anyway.
 */
import { ServerResponse } from 'node:http';
import type { IncomingMessage, OutgoingHttpHeader, OutgoingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

type HeadFields = OutgoingHttpHeaders | OutgoingHttpHeader[];

/** One entry for each answer begun, so that a socket is uncorked as often as it was corked. */
let corked: Socket[] = [];

/** For `createServer`; every answer comes through `writeHead`, however it is made. */
export class BatchedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  override writeHead(status: number, message?: string, headers?: HeadFields): this;
  override writeHead(status: number, headers?: HeadFields): this;
  override writeHead(status: number, ...rest: readonly [(string | HeadFields)?, HeadFields?]): this {
    // None where an earlier answer of the same connection is still under way; it is sent when that is done.
    if (this.socket !== null) holdUntilTurnEnds(this.socket);
    return super.writeHead(status, ...(rest as [string?, HeadFields?]));
  }
}

function holdUntilTurnEnds(socket: Socket): void {
  socket.cork();
  corked.push(socket);
  if (corked.length === 1) setImmediate(releaseAll);
}

function releaseAll(): void {
  const sockets = corked;
  corked = [];
  for (const socket of sockets) socket.uncork();
}
