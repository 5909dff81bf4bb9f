/** What Node's parser says about a request that never became one. */
import { StoreError } from '#libs/kernel';

const EXPLANATIONS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The headers of the request are too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The headers of the request did not arrive in time.',
};

export function requestNotParsed(error: NodeJS.ErrnoException): StoreError {
  if (error.code === 'HPE_INVALID_EOF_STATE') {
    return new StoreError('upload_incomplete', 'The connection ended in the middle of the request.', { cause: error });
  }
  const explanation = EXPLANATIONS[error.code ?? ''] ?? 'This is not a well-formed HTTP/1.1 request.';
  return new StoreError('invalid_request', explanation, { cause: error });
}
