/** Stored content types travel back in a header, so only well-formed ones are kept (RFC 9110, section 8.3.1). */

export const DEFAULT_CONTENT_TYPE = 'application/octet-stream';

/** The limit of IANA's registrations for a type, with room for parameters. */
const MAX_CONTENT_TYPE_LENGTH = 255;

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const QUOTED = '"(?:[^"\\\\\\u0000-\\u001f\\u007f-\\uffff]|\\\\[ -~])*"';
// White space before a semicolon has one place to match only: two would take time exponential in their number.
const MEDIA_TYPE = new RegExp(`^${TOKEN}/${TOKEN}(?:[ \\t]*;(?:[ \\t]*${TOKEN}=(?:${TOKEN}|${QUOTED}))?)*$`);

/** The content type to store: the one given where it is well-formed, else `application/octet-stream`. */
export function storableContentType(given: string | undefined): string {
  const contentType = given?.trim() ?? '';
  const fits = contentType.length <= MAX_CONTENT_TYPE_LENGTH && MEDIA_TYPE.test(contentType);
  return fits ? contentType : DEFAULT_CONTENT_TYPE;
}

/** RFC 2046, section 5.1.1. */
const MAX_BOUNDARY_LENGTH = 70;

/** The boundary of a multipart body, or undefined where `contentType` is none of `multipart/form-data`. */
export function multipartBoundary(contentType: string | undefined): MultipartType | undefined {
  if (contentType === undefined || !/^multipart\/form-data[ \t]*(;|$)/i.test(contentType.trim())) return undefined;
  const match = /;[ \t]*boundary=(?:"((?:[^"\\]|\\.)+)"|([^\s;"]+))/i.exec(contentType);
  const boundary = match?.[1]?.replaceAll(/\\(.)/g, '$1') ?? match?.[2] ?? '';
  return { boundary: boundary.length <= MAX_BOUNDARY_LENGTH && boundary !== '' ? boundary : undefined };
}

export interface MultipartType {
  /** Undefined where the header lacks it, or has one that is too long: the body cannot be read then. */
  readonly boundary: string | undefined;
}
