/**
 * One line per request, written when its connection is done with it, so that an answer which the client never took is
 * told as well. What a handler learns about its request (a file id, an error) goes into the same line.
 */
import type { StoreError } from '#libs/kernel';
import type { Log, LogFacts } from '#libs/telemetry';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { problemOf } from '../problems/problem.js';

/** Requests that change what is stored. */
const CHANGING_METHODS = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);

export class RequestLog {
  readonly #log: Log;
  readonly #facts = new WeakMap<IncomingMessage, LogFacts>();

  constructor(log: Log) {
    this.#log = log;
  }

  follow(request: IncomingMessage, response: ServerResponse): void {
    const startedAt = performance.now();
    response.once('close', () => this.#write(request, response, performance.now() - startedAt));
  }

  /** Adds to the request's line. Never a secret. */
  note(request: IncomingMessage, facts: LogFacts): void {
    this.#facts.set(request, { ...this.#facts.get(request), ...facts });
  }

  /** A line for what never became a request. Not a byte of it: where there is no header, there is no telling a secret. */
  unparsed(problem: StoreError): void {
    const { status } = problemOf(problem);
    this.#log.info({ method: null, path: null, status, code: problem.code }, 'request');
  }

  #write(request: IncomingMessage, response: ServerResponse, durationMs: number): void {
    const { method = '', url = '' } = request;
    // Node's status is 200 until something is decided; a client that left before has been told nothing.
    const status = response.headersSent ? response.statusCode : null;
    const noted = this.#facts.get(request);
    const facts = {
      method,
      // A query can be long, and what matters of it is in the facts.
      path: url.split('?', 1)[0],
      status,
      duration_ms: Math.round(durationMs),
      ...(response.writableFinished ? {} : { client_gone: true }),
      ...noted,
    };
    const message = 'request';
    // A download can fail after its status has been sent.
    if ((status ?? 0) >= 500 || noted?.['err'] !== undefined) this.#log.error(facts, message);
    else if ((status ?? 400) >= 400 || CHANGING_METHODS.has(method)) this.#log.info(facts, message);
    else this.#log.debug(facts, message);
  }
}
