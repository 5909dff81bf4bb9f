/**
 * What a sender says of how its bytes are coded. A file is stored as the bytes that came, and nothing is kept beside them that
 * could tell a reader of a coding: so a body that is coded is refused before it is taken, and never passes for the file.
 */
import { StoreError } from '#libs/kernel';
import type { FieldValues } from './integrity-fields.js';

/** Of a part of a form (RFC 2045, section 6.1): these leave the bytes as they are. */
const PLAIN_ENCODINGS = new Set(['7bit', '8bit', 'binary']);

/** Throws `transfer_coding_unsupported` (RFC 9112, section 6.1). The chunks themselves the parser has taken off. */
export function assertPlainTransfer(fields: FieldValues): void {
  const codings = listOf(fields, 'transfer-encoding');
  if (codings.length === 0 || (codings.length === 1 && codings[0] === 'chunked')) return;
  throw new StoreError(
    'transfer_coding_unsupported',
    'The only Transfer-Encoding this server takes off is chunked, once: send the bytes of the file as they are.',
    { context: { field: 'Transfer-Encoding' } },
  );
}

/** Of a request, or of one part of a form. Throws `content_coding_unsupported` (RFC 9110, section 15.5.16). */
export function assertPlainContent(fields: FieldValues): void {
  if (listOf(fields, 'content-encoding').some((coding) => coding !== 'identity')) throw coded('Content-Encoding');
  const encodings = listOf(fields, 'content-transfer-encoding');
  if (encodings.some((encoding) => !PLAIN_ENCODINGS.has(encoding))) throw coded('Content-Transfer-Encoding');
}

function coded(field: string): StoreError {
  return new StoreError(
    'content_coding_unsupported',
    `${field}: a file is stored as the bytes that come. Send them without a coding, or leave the header out to store the coded bytes as a file of their own.`,
    { context: { field } },
  );
}

/** Empty elements of a list are no elements (RFC 9110, section 5.6.1). */
function listOf(fields: FieldValues, name: string): string[] {
  const lines = [fields[name] ?? []].flat();
  const elements = lines.flatMap((line) => line.split(','));
  return elements.map((element) => element.trim().toLowerCase()).filter((element) => element !== '');
}
