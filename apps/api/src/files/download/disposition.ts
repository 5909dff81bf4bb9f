/**
 * Whether a browser may show a file in place. Only what cannot run script in this server's origin is shown: no HTML, no
 * XML and no SVG, whoever stored it. Everything else is offered for saving.
 */
import { create } from 'content-disposition';

export type Disposition = 'inline' | 'attachment';

/** Exact types. A new one is added only when no browser runs script in it. */
const SHOWN_INLINE = new Set([
  'image/apng',
  'image/avif',
  'image/bmp',
  'image/gif',
  'image/jpeg',
  'image/png',
  'image/vnd.microsoft.icon',
  'image/webp',
  'image/x-icon',
  'audio/aac',
  'audio/flac',
  'audio/mp4',
  'audio/mpeg',
  'audio/ogg',
  'audio/wav',
  'audio/webm',
  'audio/x-wav',
  'video/mp4',
  'video/mpeg',
  'video/ogg',
  'video/quicktime',
  'video/webm',
  'text/plain',
  'application/pdf',
]);

/** What `/read` says for a stored content type; its parameters do not matter. */
export function readDisposition(contentType: string): Disposition {
  const essence = contentType.split(';', 1)[0]!.trim().toLowerCase();
  return SHOWN_INLINE.has(essence) ? 'inline' : 'attachment';
}

/** The header (RFC 6266): an ASCII fallback for old clients, and the name as it is in UTF-8. */
export function contentDisposition(disposition: Disposition, fileName: string): string {
  return create(fileName, { type: disposition });
}
