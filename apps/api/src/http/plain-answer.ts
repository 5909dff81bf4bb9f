/** Answers that are sent without the framework: before it serves, and where it never saw a request. */
import type { StoreError } from '#libs/kernel';
import { STATUS_CODES } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { problemOf } from '../problems/problem.js';

export interface PlainAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: object;
}

export function sendPlainAnswer(response: ServerResponse, { status, headers, body }: PlainAnswer): void {
  const bytes = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { 'content-type': 'application/json', ...headers, 'content-length': bytes.length });
  response.end(bytes);
}

/** Answers a request that is not worth reading on, and ends its connection. */
export function refuseRequest(response: ServerResponse, error: StoreError): void {
  const { headers, ...problem } = problemOf(error);
  sendPlainAnswer(response, { ...problem, headers: { ...headers, connection: 'close' } });
}

/** Closing at once, with bytes of the client still unread, would reset the connection before it could read the answer. */
const LINGER_MS = 1_000;

/** Writes a whole HTTP answer to a connection whose request could not be parsed, and ends the connection. */
export function endWithProblem(socket: Duplex, error: StoreError): void {
  const { status, headers, body } = problemOf(error);
  const text = JSON.stringify(body);
  const lines = Object.entries({ ...headers, connection: 'close', 'content-length': Buffer.byteLength(text) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${head}\r\n${text}`);
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
