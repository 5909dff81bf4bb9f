/**
 * Without keys, being on this machine is the permission, and a web page in a browser on this machine is not. A page
 * reaches the server in two ways: by a host name of its own that resolves to loopback (DNS rebinding: Host gives it
 * away), or across origins (Origin does).
 */
import { isLoopbackHost } from '#libs/config';
import { StoreError } from '#libs/kernel';

export interface OriginHeaders {
  readonly host: string | undefined;
  readonly origin: string | undefined;
}

/** Throws `forbidden_origin`. */
export function assertLoopbackOrigin({ host, origin }: OriginHeaders): void {
  if (host === undefined || !isLoopbackUrl(`http://${host}`)) {
    throw new StoreError(
      'forbidden_origin',
      'Without API_KEY this server answers only to loopback names; address it as localhost or 127.0.0.1.',
    );
  }
  if (origin !== undefined && !isLoopbackUrl(origin)) {
    throw new StoreError('forbidden_origin', 'Without API_KEY this server refuses pages of other origins.');
  }
}

/** Clients repeat themselves with every request, and to parse a URL costs more than all other checks together. */
const MAX_KNOWN = 100;
const known = new Map<string, boolean>();

function isLoopbackUrl(text: string): boolean {
  let isLoopback = known.get(text);
  if (isLoopback !== undefined) return isLoopback;
  isLoopback = namesLoopback(text);
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(text, isLoopback);
  return isLoopback;
}

function namesLoopback(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, password } = new URL(text);
  const plain = username === '' && password === '' && /^https?:$/.test(protocol);
  return plain && isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'));
}
