/**
 * The name of an upload in its URL. It is read from the bytes of the URL itself: whoever reads it as text first has
 * replaced, or kept undecoded, what is no UTF-8, and a file would be stored under a name that nobody gave it.
 */
import { StoreError } from '#libs/kernel';
import { isUtf8 } from 'node:buffer';
import { queryText } from '../../http/query.js';
import type { Query } from '../../http/query.js';

/** `url` as Node hands it on, each byte as one character. Throws `invalid_file_name`, or `invalid_request` for two names. */
export function nameInQuery(url: string, query: Query): string | undefined {
  if (queryText(query, 'name') === undefined) return undefined;
  const start = url.indexOf('?') + 1;
  for (const parameter of url.slice(start).split('&')) {
    const equals = parameter.indexOf('=');
    const end = equals < 0 ? parameter.length : equals;
    if (decoded(parameter.slice(0, end)).toString('latin1') !== 'name') continue;
    const bytes = decoded(parameter.slice(end + 1));
    if (isUtf8(bytes)) return bytes.toString('utf8');
    throw new StoreError('invalid_file_name', 'The name in the URL is not UTF-8: send it as UTF-8, percent-encoded.');
  }
  return undefined;
}

/** A percent sign that begins no escape stands for itself, as in a browser. */
function decoded(text: string): Buffer {
  const plain = text.replaceAll('+', ' ');
  const bytes = plain.replaceAll(/%([0-9A-Fa-f]{2})/g, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  return Buffer.from(bytes, 'latin1');
}
