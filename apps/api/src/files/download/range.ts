/**
 * The Range header, for one range of bytes (RFC 9110, section 14). A header that is malformed, names another unit or asks
 * for several ranges is ignored, as section 14.2 allows: the answer is then the whole file, which is never wrong.
 */
import type { ByteRange } from '#libs/file-store';

export type RangeVerdict =
  | { readonly kind: 'whole' }
  | { readonly kind: 'part'; readonly range: ByteRange }
  | { readonly kind: 'unsatisfiable' };

const ONE_RANGE = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i;

const WHOLE: RangeVerdict = { kind: 'whole' };
const UNSATISFIABLE: RangeVerdict = { kind: 'unsatisfiable' };

/** What of a file of `sizeBytes` is asked for. An empty file has no part that a 206 could name, so it is always whole. */
export function parseRange(header: string | undefined, sizeBytes: number): RangeVerdict {
  const match = header === undefined ? null : ONE_RANGE.exec(header);
  if (match === null || sizeBytes === 0) return WHOLE;
  const [, first = '', last = ''] = match;
  if (first === '') return last === '' ? WHOLE : suffix(Number(last), sizeBytes);
  // Positions beyond 2^53 lose digits here, but are far behind the end of any file either way.
  const start = Number(first);
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  if (last !== '' && Number(last) < start) return WHOLE;
  return start >= sizeBytes ? UNSATISFIABLE : { kind: 'part', range: { start, end } };
}

function suffix(lengthBytes: number, sizeBytes: number): RangeVerdict {
  if (lengthBytes === 0) return UNSATISFIABLE;
  return { kind: 'part', range: { start: Math.max(sizeBytes - lengthBytes, 0), end: sizeBytes } };
}
