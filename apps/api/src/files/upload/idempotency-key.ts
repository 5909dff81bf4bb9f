/**
 * The header `Idempotency-Key`. The IETF's draft (draft-ietf-httpapi-idempotency-key-header) makes it a string of
 * structured fields, in quotes; most clients send it bare. Both are read, and mean the same key.
 */
import { StoreError } from '#libs/kernel';

export const MAX_KEY_LENGTH = 255;

const QUOTED = /^"((?:[ !#-[\]-~]|\\["\\])*)"$/;
/** Without commas: two headers of this name arrive as one. */
const BARE = /^[!#-+\--~]+$/;

/** The key, or undefined where there is none. Throws `invalid_request`. */
export function parseIdempotencyKey(header: string | readonly string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  const text = typeof header === 'string' ? header.trim() : header.join(', ');
  const key = QUOTED.exec(text)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? BARE.exec(text)?.[0];
  if (key !== undefined && key.length >= 1 && key.length <= MAX_KEY_LENGTH) return key;
  throw new StoreError(
    'invalid_request',
    `The header Idempotency-Key is malformed: it has 1 to ${MAX_KEY_LENGTH} printable ASCII characters, in quotes or without quotes, commas and spaces.`,
    { context: { field: 'Idempotency-Key' } },
  );
}
