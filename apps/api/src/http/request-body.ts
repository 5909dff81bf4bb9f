/** The bytes of a request as they arrive: nothing is read ahead of whoever consumes them. */
import type { IncomingMessage } from 'node:http';
import { sendContinue } from './expectation.js';

/**
 * The body, with back-pressure. Leaving the loop early does not close the connection, so that an answer can still be
 * sent on it. A client that waits for `100 Continue` gets it when the reading begins. Throws what the stream throws where
 * the connection ends before the body does.
 */
export function requestBody(request: IncomingMessage): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]: () => {
      sendContinue(request);
      return request.iterator({ destroyOnReturn: false }) as AsyncIterableIterator<Buffer>;
    },
  };
}

/** Length of the body in bytes where the request declares it. */
export function declaredBodyBytes(request: IncomingMessage): number | undefined {
  const declared = request.headers['content-length'];
  if (declared !== undefined) return Number(declared);
  // Neither length nor chunks: there is no body (RFC 9112, section 6.3).
  return request.headers['transfer-encoding'] === undefined ? 0 : undefined;
}
