/**
 * Turns what Nest, Fastify and Node throw into our own error. Only what they say about the client's request is passed
 * on: an error nobody foresaw becomes `internal`, and its message stays in the log.
 */
import { StoreError } from '#libs/kernel';
import type { ErrorCode } from '#libs/kernel';

const CODE_BY_STATUS = new Map<number, ErrorCode>([
  [401, 'unauthorized'],
  [404, 'route_not_found'],
  [405, 'method_not_allowed'],
  [413, 'payload_too_large'],
]);

/** The router's messages repeat the path, however long it is. */
const MAX_EXPLANATION_LENGTH = 200;

export function toStoreError(thrown: unknown): StoreError {
  if (StoreError.is(thrown)) return thrown;
  const status = clientErrorStatus(thrown);
  if (status === undefined) {
    return new StoreError('internal', 'The server made a mistake; its log says more.', { cause: thrown });
  }
  const code = CODE_BY_STATUS.get(status) ?? 'invalid_request';
  const explanation = thrown instanceof Error ? thrown.message : 'The request is malformed.';
  return new StoreError(code, explanation.slice(0, MAX_EXPLANATION_LENGTH), { cause: thrown });
}

/** Both frameworks put an HTTP status on their errors; 4xx is what they blame on the client. */
function clientErrorStatus(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const candidate: Error & { statusCode?: unknown; getStatus?: unknown } = thrown;
  const status: unknown =
    typeof candidate.getStatus === 'function' ? candidate.getStatus.call(thrown) : candidate.statusCode;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
