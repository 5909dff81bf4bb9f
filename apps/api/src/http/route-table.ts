/**
 * The routes of the server by path, so that a request with the wrong method gets 405 and the right ones instead of 404
 * (RFC 9110, section 15.5.6). The router itself only answers whether method and path together are known.
 */

export class RouteTable {
  readonly #methodsByUrl = new Map<string, Set<string>>();

  /** `url` is in the router's syntax: `:name` for a segment, `*` at the end for the rest. */
  add(method: string | readonly string[], url: string): void {
    const methods = this.#methodsByUrl.get(url) ?? new Set<string>();
    for (const each of [method].flat()) methods.add(each);
    this.#methodsByUrl.set(url, methods);
  }

  /** Methods that some route knows for the path of a request, as the client wrote it; sorted, empty where there is no such. */
  methodsFor(requestTarget: string): string[] {
    const path = pathOf(requestTarget).split('/');
    const matching = [...this.#methodsByUrl].filter(([url]) => matches(url.split('/'), path));
    return [...new Set(matching.flatMap(([, methods]) => [...methods]))].toSorted();
  }
}

/** Escapes undone as the router does it: an encoded slash separates nothing. */
function pathOf(requestTarget: string): string {
  const path = requestTarget.replace(/^https?:\/\/[^/?#]*/i, '').split(/[?#]/, 1)[0]!;
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}

function matches(route: readonly string[], path: readonly string[]): boolean {
  const rest = route.at(-1) === '*';
  const fixed = rest ? route.slice(0, -1) : route;
  if (rest ? path.length < route.length : path.length !== route.length) return false;
  return fixed.every((segment, index) => (segment.startsWith(':') ? path[index] !== '' : segment === path[index]));
}
