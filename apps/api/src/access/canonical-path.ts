/**
 * One spelling for all spellings of a path that no route has, so that whoever asks is told the same for each of them. It
 * decides only which key is wanted; what is served is decided by the router, and guarded by the route it found.
 */

const ABSOLUTE_FORM = /^[a-z][a-z0-9+.-]*:\/\/([^/?#]*)/i;

/** The host that a request target names itself, as a proxy would be asked: it counts, and Host does not (RFC 9112, 3.2.2). */
export function hostOfTarget(requestTarget: string): string | undefined {
  return ABSOLUTE_FORM.exec(requestTarget)?.[1];
}

export function canonicalPath(requestTarget: string): string {
  const path = requestTarget.replace(ABSOLUTE_FORM, '').split(/[?#]/, 1)[0]!;
  const segments: string[] = [];
  for (const segment of decoded(path).split(/[/\\]+/)) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/** Escapes that are none stay as they are; the others are undone once, as a router would. */
function decoded(path: string): string {
  return path.replace(/(?:%[0-9a-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      return escapes;
    }
  });
}
