/** What Node's parser says about a request that never became one. */
import { StoreError } from '#libs/kernel';

/** With the URL. Node's default, named here because it is part of what clients are told. */
export const MAX_HEADERS_BYTES = 16 * 1024;

/** Of all methods that the routes know, since a request that was not parsed has no route. */
const ROUTED_METHODS = 'DELETE, GET, HEAD, POST, PUT';

/** A request line in which nothing but the method can be what the parser did not like. */
const UNKNOWN_METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+ \S+ HTTP\/1\.[01]\r?\n/;

const EXPLANATIONS: Readonly<Record<string, string>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'The headers of the request did not arrive in time.',
};

export interface ClientError extends NodeJS.ErrnoException {
  /** What the parser was given when it failed. */
  readonly rawPacket?: Buffer;
}

export function requestNotParsed(error: ClientError): StoreError {
  if (error.code === 'HPE_HEADER_OVERFLOW') {
    const message = `The URL and the headers of the request are larger than ${MAX_HEADERS_BYTES} bytes.`;
    return new StoreError('headers_too_large', message, { cause: error });
  }
  if (error.code === 'HPE_INVALID_METHOD' && UNKNOWN_METHOD.test(error.rawPacket?.toString('latin1') ?? '')) {
    return methodNotAllowed('that method');
  }
  if (error.code === 'HPE_INVALID_EOF_STATE') {
    return new StoreError('upload_incomplete', 'The connection ended in the middle of the request.', { cause: error });
  }
  const explanation = EXPLANATIONS[error.code ?? ''] ?? 'This is not a well-formed HTTP/1.1 request.';
  return new StoreError('invalid_request', explanation, { cause: error });
}

/** For a method that no route knows. */
export function methodNotAllowed(method: string): StoreError {
  return new StoreError('method_not_allowed', `This server does not know ${method}.`, {
    context: { allow: ROUTED_METHODS },
  });
}
