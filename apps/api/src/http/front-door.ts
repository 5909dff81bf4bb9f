/**
 * The HTTP server. It is ours and not the framework's, for three reasons: it listens before the recovery starts, so that
 * a taken port is known before any directory is touched and a long recovery can be watched; it knows which requests are
 * under way, so that a stop can wait for them; and it alone decides when a silent connection is closed.
 */
import type { StoreError } from '#libs/kernel';
import type { Log } from '#libs/telemetry';
import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { RequestLog } from '../logging/request-log.js';
import { BatchedResponse } from './batched-response.js';
import { MAX_HEADERS_BYTES, methodNotAllowed, requestNotParsed } from './client-error.js';
import { expectContinue, isContinueExpected } from './expectation.js';
import { listenError } from './listen-error.js';
import { endWithProblem, refuseRequest } from './plain-answer.js';
import { QueuedResponses } from './queued-responses.js';
import { headProblem } from './request-head.js';

/** Time for the headers of a request; a client that is slower than this is no client. */
const MAX_HEADERS_TIME_MS = 60_000;
const IDLE_SWEEP_MS = 100;

export interface FrontDoorOptions {
  /** How long a connection may move no byte. */
  readonly idleTimeoutMs: number;
  /** Answers until `handOver`. */
  readonly answer: RequestListener;
  readonly log: Log;
}

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export class FrontDoor {
  readonly server: Server;
  readonly #idleTimeoutMs: number;
  readonly #log: Log;
  readonly #requestLog: RequestLog;
  readonly #exchanges = new Map<Duplex, Exchange>();
  readonly #queued = new QueuedResponses();
  #answer: RequestListener;
  #drained: (() => void) | undefined;

  constructor({ idleTimeoutMs, answer, log }: FrontDoorOptions) {
    this.#idleTimeoutMs = idleTimeoutMs;
    this.#log = log;
    this.#requestLog = new RequestLog(log);
    this.#answer = answer;
    const options = {
      // A large upload over a slow line is legal, however long it takes: silence ends a connection, not time.
      requestTimeout: 0,
      headersTimeout: Math.min(idleTimeoutMs, MAX_HEADERS_TIME_MS),
      keepAliveTimeout: idleTimeoutMs,
      maxHeaderSize: MAX_HEADERS_BYTES,
      // Checked here, where it is answered with a problem.
      requireHostHeader: false,
      ServerResponse: BatchedResponse,
    };
    this.server = createServer(options, (request, response) => this.#admit({ request, response }));
    this.server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      expectContinue(request, response);
      this.#admit({ request, response });
    });
    // Refused with the other checks that every request passes.
    this.server.on('checkExpectation', (request, response) => this.#admit({ request, response }));
    this.server.setTimeout(idleTimeoutMs, (socket) => this.#meetSilence(socket));
    // No limit of Node's, which leaves headers out without a word; headProblem refuses too many.
    this.server.maxHeadersCount = 0;
    this.server.on('clientError', (error, socket) => this.#meetClientError(error, socket));
    this.server.on('connect', (_request, socket: Duplex) => this.#refuseTunnel(socket));
  }

  /** Starts to listen; answers with the server's URL. Throws `address_in_use` or `setting_invalid`. */
  async open(host: string, port: number): Promise<string> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once('error', reject);
    this.server.listen({ host, port }, resolve);
    try {
      await promise;
    } catch (cause) {
      throw listenError(cause, { host, port });
    }
    this.server.off('error', reject);
    // Out of file descriptors, most likely: the connections that are open go on, and new ones come when some are closed.
    this.server.on('error', (error) => this.#log.error({ err: error }, 'a connection could not be accepted'));
    const address = this.server.address() as AddressInfo;
    const shownHost = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `http://${shownHost}:${address.port}`;
  }

  /** From now on `answer` gets the requests. */
  handOver(answer: RequestListener): void {
    this.#answer = answer;
  }

  /** Takes no new connection and closes those that wait for a next request. */
  stopIntake(): void {
    this.server.close();
  }

  get requestsUnderWay(): number {
    return this.#exchanges.size;
  }

  /** Resolves when no request is under way, or after `waitMs`; connections that fall idle meanwhile are closed. */
  async drain(waitMs: number): Promise<void> {
    if (this.#exchanges.size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#drained = resolve;
    const deadline = setTimeout(resolve, waitMs);
    const sweep = setInterval(() => this.server.closeIdleConnections(), IDLE_SWEEP_MS);
    await promise;
    clearTimeout(deadline);
    clearInterval(sweep);
  }

  closeAllConnections(): void {
    this.server.closeAllConnections();
  }

  #admit(exchange: Exchange): void {
    const { request, response } = exchange;
    const { socket } = request;
    this.#exchanges.set(socket, exchange);
    this.#queued.follow(socket, response);
    response.once('close', () => {
      if (this.#exchanges.get(socket) === exchange) this.#exchanges.delete(socket);
      if (this.#exchanges.size === 0) this.#drained?.();
    });
    const problem = headProblem(request);
    if (problem === undefined) {
      this.#answer(request, response);
      return;
    }
    this.#requestLog.follow(request, response);
    this.#requestLog.note(request, { code: problem.code });
    refuseRequest(response, problem);
  }

  #meetSilence(socket: Socket): void {
    const exchange = this.#exchanges.get(socket);
    if (exchange !== undefined && isOurs(exchange)) socket.setTimeout(this.#idleTimeoutMs);
    else socket.destroy();
  }

  /** What could not be parsed is answered only where no answer is on its way on the same connection. */
  #meetClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const exchange = this.#exchanges.get(socket);
    if (exchange !== undefined && isAnswerDue(exchange) && error.code !== 'ECONNRESET') {
      endAfterAnswer(exchange, socket);
      return;
    }
    const answering = exchange?.response.headersSent ?? false;
    if (error.code === 'ECONNRESET' || !socket.writable || answering) {
      socket.destroy();
      return;
    }
    this.#endUnparsed(socket, requestNotParsed(error));
  }

  /** Node hands such a socket over bare: an error on it that nobody heard would end the process. */
  #refuseTunnel(socket: Duplex): void {
    socket.on('error', () => socket.destroy());
    this.#endUnparsed(socket, methodNotAllowed('CONNECT'));
  }

  #endUnparsed(socket: Duplex, problem: StoreError): void {
    this.#requestLog.unparsed(problem);
    endWithProblem(socket, problem);
  }
}

/** What came behind a whole request is no answer to it: a refusal in its place would deny what may be stored already. */
function isAnswerDue({ request, response }: Exchange): boolean {
  return request.complete && !response.headersSent;
}

function endAfterAnswer({ response }: Exchange, socket: Duplex): void {
  // Nothing more is read, and so nothing more is complained of.
  socket.pause();
  response.setHeader('connection', 'close');
  response.once('finish', () => socket.end());
}

/** Whether it is the server that keeps silent: the client has sent all it may, or more than has been taken from it yet. */
function isOurs({ request, response }: Exchange): boolean {
  return request.complete || isContinueExpected(request) ? !response.headersSent : request.readableLength > 0;
}
