/** What a failed fetch means. Its errors are a `TypeError` that says nothing, around what really happened. */
import { systemErrorCode } from '#libs/kernel';
import { clientError } from './client-error.js';
import type { ClientError } from './client-error.js';

/** There was no connection, so nothing of the request has reached anyone. */
const NO_CONNECTION: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'the connection was refused',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the name of the host could not be looked up',
  EHOSTUNREACH: 'there is no route to the host',
  ENETUNREACH: 'there is no route to its network',
  ETIMEDOUT: 'the connection was not answered',
  UND_ERR_CONNECT_TIMEOUT: 'the connection was not answered',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by itself alone',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody known',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody known',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS there: http:// instead of https://?',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS there: http:// instead of https://?',
};

export function connectionFailure(error: unknown, url: string): ClientError {
  const cause = deepestCause(error);
  const code = systemErrorCode(cause) ?? '';
  const reason = NO_CONNECTION[code];
  if (reason !== undefined) return clientError('unreachable', `${url} cannot be reached: ${reason}.`, { cause: error });
  const message = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && cause.name === 'HTTPParserError') {
    return clientError('invalid_answer', `What answers at ${url} does not speak HTTP (${message}).`, { cause: error });
  }
  if (message === 'bad port') {
    const detail = `${url} cannot be reached: fetch refuses this port, as browsers do; let the server listen on another.`;
    return clientError('unreachable', detail, { cause: error });
  }
  const detail = `The connection to ${url} was lost (${code === '' ? message : code}).`;
  return clientError('connection_lost', detail, { cause: error });
}

function deepestCause(error: unknown): unknown {
  let cause = error;
  // fetch wraps once, undici and the resolver sometimes once more; a limit, because causes may form a ring.
  for (let depth = 0; depth < 5 && cause instanceof Error && cause.cause instanceof Error; depth += 1) {
    cause = cause.cause;
  }
  return cause;
}
