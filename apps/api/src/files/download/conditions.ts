/** Conditional headers of a download (RFC 9110, section 13), for a file whose bytes never change under its id. */

const ENTITY_TAGS = /(?:W\/)?("[^"]*")/g;

/** The strong entity tag of a file: its SHA-256. */
export function entityTag({ sha256 }: { readonly sha256: string }): string {
  return `"${sha256}"`;
}

/** Whether If-None-Match names the tag, so that the client has the bytes already. The comparison is weak, section 13.1.2. */
export function noneMatchNames(ifNoneMatch: string | undefined, tag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  for (const [, candidate] of ifNoneMatch.matchAll(ENTITY_TAGS)) if (candidate === tag) return true;
  return false;
}

/**
 * Whether a Range may be honoured. If-Range compares strongly (section 13.1.5), and a date in it is never strong enough:
 * two files may have been made within one second.
 */
export function rangeStillValid(ifRange: string | undefined, tag: string): boolean {
  return ifRange === undefined || ifRange.trim() === tag;
}
