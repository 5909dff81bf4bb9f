/** What every request must be before anything else is asked of it. */
import { StoreError } from '#libs/kernel';
import type { IncomingMessage } from 'node:http';

/** Browsers send twenty, a chain of proxies some more. Node would leave out those beyond its own limit in silence. */
export const MAX_HEADERS = 200;

/** What is wrong with the head of a request, or undefined. */
export function headProblem({ httpVersionMinor, rawHeaders }: IncomingMessage): StoreError | undefined {
  // Names and values take turns.
  if (rawHeaders.length > 2 * MAX_HEADERS) {
    return new StoreError('headers_too_large', `The request has more than ${MAX_HEADERS} headers.`);
  }
  const hosts = rawHeaders.filter((name, index) => index % 2 === 0 && name.length === 4 && /^host$/i.test(name)).length;
  // RFC 9112, section 3.2. With two of them, a proxy before this server may have believed the other one.
  if (hosts > 1) return new StoreError('invalid_request', 'The request has more than one Host header.');
  if (hosts === 0 && httpVersionMinor > 0) return new StoreError('invalid_request', 'The request has no Host header.');
  return undefined;
}
