/**
 * `Expect: 100-continue` (RFC 9110, section 10.1.1): the client sends its body only when it is told to. It is told when
 * somebody begins to read that body, and by then everything that needs no body has been checked; a refusal comes instead
 * of it, and costs the client nothing.
 */
import { StoreError } from '#libs/kernel';
import type { FastifyInstance } from 'fastify';
import type { IncomingMessage, ServerResponse } from 'node:http';

const waiting = new WeakMap<IncomingMessage, ServerResponse>();

/** From now on the client waits for `sendContinue`, or for a final answer. */
export function expectContinue(request: IncomingMessage, response: ServerResponse): void {
  waiting.set(request, response);
}

/** Whether the client waits for us before it sends its body. */
export function isContinueExpected(request: IncomingMessage): boolean {
  return waiting.has(request);
}

/** Tells a waiting client to send its body; to be called by whoever reads it. */
export function sendContinue(request: IncomingMessage): void {
  const response = waiting.get(request);
  if (response === undefined) return;
  waiting.delete(request);
  if (!response.headersSent && !response.destroyed) response.writeContinue();
}

/** Refuses other expectations, and lets bodies come that the framework reads. */
export function meetExpectations(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { expect } = request.headers;
    done(expect === undefined || expect.toLowerCase() === '100-continue' ? undefined : expectationFailed(expect));
  });
  fastify.addHook('preParsing', (request, _reply, payload, done) => {
    if (request.routeOptions.config.streamedBody !== true && !request.is404) sendContinue(request.raw);
    done(null, payload);
  });
}

function expectationFailed(expectation: string): StoreError {
  return new StoreError('expectation_failed', 'The only expectation this server knows is 100-continue.', {
    context: { expectation },
  });
}
