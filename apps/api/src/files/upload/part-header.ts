/** Reads the header of one part of a multipart body (RFC 7578). */
import { parse } from 'content-disposition';
import { isUtf8 } from 'node:buffer';

/** As the parser delivers it: names in lower case, each byte of a value as one character. */
export type PartHeader = Readonly<Record<string, readonly string[]>>;

export interface FilePartHeader {
  readonly fileName: string | undefined;
  readonly contentType: string | undefined;
  /** All fields of the part, for what else they say of its bytes. */
  readonly fields: PartHeader;
}

/** What the header says of a file, or undefined where the part is a text field or nothing that a form sends. */
export function filePartHeader(header: PartHeader): FilePartHeader | undefined {
  const disposition = header['content-disposition']?.[0];
  if (disposition === undefined) return undefined;
  const { type, fileName } = readDisposition(decodeBytes(disposition));
  const contentType = header['content-type']?.[0];
  const isFile = fileName !== undefined || contentType?.trim().toLowerCase() === 'application/octet-stream';
  return type === 'form-data' && isFile ? { fileName, contentType, fields: header } : undefined;
}

/**
 * Browsers send a quote in a name as `%22` (HTML standard, "multipart/form-data encoding"), older clients as `\"`. The
 * second reading is tried first; where it leaves the name without an end, the backslash was part of the name.
 */
function readDisposition(header: string): { type: string; fileName: string | undefined } {
  const escaped = parse(header.replaceAll('\\"', '%22'), { multipart: true });
  const { type, parameters } =
    escaped.parameters['filename'] === undefined ? parse(header, { multipart: true }) : escaped;
  return { type, fileName: parameters['filename'] };
}

/** Names are UTF-8 wherever they are valid as such; clients that send another charset do not say which. */
function decodeBytes(binary: string): string {
  const bytes = Buffer.from(binary, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : binary;
}
