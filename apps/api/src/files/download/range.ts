/**
 * The Range header (RFC 9110, section 14). One that is malformed, names another unit or asks for more ranges than a client
 * has a reason to is ignored, as section 14.2 allows: the answer is then the whole file, which is never wrong and costs no
 * more than asking for it. Ranges that overlap or nearly touch become one (section 15.3.7.2), so no byte is sent twice.
 */
import type { ByteRange } from '#libs/file-store';

export type RangeVerdict =
  | { readonly kind: 'whole' }
  /** At least one, none empty, no two with a byte in common; each at the place of the first range that is in it. */
  | { readonly kind: 'parts'; readonly ranges: readonly ByteRange[] }
  | { readonly kind: 'unsatisfiable' };

/** Each may cost the read of one whole chunk for a single byte: those that take turns between chunks share no read. */
export const MAX_RANGES = 32;

/** Bytes between two ranges that cost less to send than the head of one more part does. */
export const MAX_GAP_BYTES = 128;

/** The unit is bytes, in any case; what follows is a list. */
const BYTES_UNIT = /^bytes=/i;
const ONE_RANGE = /^(\d*)-(\d*)$/;

const WHOLE: RangeVerdict = { kind: 'whole' };

/** What of a file of `sizeBytes` is asked for. An empty file has no part that a 206 could name, so it is always whole. */
export function parseRange(header: string | undefined, sizeBytes: number): RangeVerdict {
  if (header === undefined || sizeBytes === 0 || !BYTES_UNIT.test(header)) return WHOLE;
  const list = header.replace(BYTES_UNIT, '').split(',');
  // Empty elements of a list are no elements (section 5.6.1).
  const elements = list.map((element) => element.replace(/^[ \t]+|[ \t]+$/g, '')).filter((element) => element !== '');
  if (elements.length === 0 || elements.length > MAX_RANGES) return WHOLE;
  const verdicts = elements.map((element) => parseOne(element, sizeBytes));
  if (verdicts.includes('invalid')) return WHOLE;
  const ranges = verdicts.filter((verdict) => typeof verdict === 'object');
  return ranges.length === 0 ? { kind: 'unsatisfiable' } : { kind: 'parts', ranges: coalesced(ranges) };
}

function parseOne(element: string, sizeBytes: number): ByteRange | 'invalid' | 'unsatisfiable' {
  const [, first = '', last = ''] = ONE_RANGE.exec(element) ?? [];
  if (first === '') return last === '' ? 'invalid' : suffix(Number(last), sizeBytes);
  // Positions beyond 2^53 lose digits here, but are far behind the end of any file either way.
  const start = Number(first);
  if (last !== '' && Number(last) < start) return 'invalid';
  const end = last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  return start >= sizeBytes ? 'unsatisfiable' : { start, end };
}

function suffix(lengthBytes: number, sizeBytes: number): ByteRange | 'unsatisfiable' {
  return lengthBytes === 0 ? 'unsatisfiable' : { start: Math.max(sizeBytes - lengthBytes, 0), end: sizeBytes };
}

function coalesced(ranges: readonly ByteRange[]): ByteRange[] {
  const merged: { start: number; end: number; place: number }[] = [];
  const ordered = ranges.map((range, place) => ({ ...range, place })).toSorted((a, b) => a.start - b.start);
  for (const range of ordered) {
    const before = merged.at(-1);
    if (before === undefined || range.start > before.end + MAX_GAP_BYTES) {
      merged.push(range);
    } else {
      before.end = Math.max(before.end, range.end);
      before.place = Math.min(before.place, range.place);
    }
  }
  return merged.toSorted((a, b) => a.place - b.place).map(({ start, end }) => ({ start, end }));
}
