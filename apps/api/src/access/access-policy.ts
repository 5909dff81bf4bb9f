/**
 * Who may ask for what. With keys, every route but `/health` wants one, and `/admin` wants an admin key where there are
 * any. Without keys, only programs on this machine may ask. An unknown route is guarded like a known one, so that it
 * does not show which routes exist.
 */
import type { Settings } from '#libs/config';
import { StoreError } from '#libs/kernel';
import { ApiKeys } from './api-keys.js';
import { assertLoopbackOrigin } from './loopback-origin.js';
import type { OriginHeaders } from './loopback-origin.js';

export interface AccessRequest extends OriginHeaders {
  /** The matched route in the router's syntax, so that no spelling of a path can pass for another; else the path. */
  readonly route: string;
  readonly authorization: string | undefined;
}

export class AccessPolicy {
  readonly #keys: ApiKeys;
  readonly #adminKeys: ApiKeys;

  constructor({ apiKeys, adminApiKeys }: Pick<Settings, 'apiKeys' | 'adminApiKeys'>) {
    this.#keys = new ApiKeys(apiKeys);
    this.#adminKeys = new ApiKeys(adminApiKeys);
  }

  /** Answers with the label of the key used, if one was needed. Throws `unauthorized` or `forbidden_origin`. */
  admit(request: AccessRequest): string | undefined {
    if (this.#keys.empty) assertLoopbackOrigin(request);
    const wanted = this.#keysFor(request.route);
    if (wanted === undefined) return undefined;
    const label = wanted.labelFor(request.authorization);
    if (label !== undefined) return label;
    throw new StoreError('unauthorized', refusal(request.authorization));
  }

  #keysFor(route: string): ApiKeys | undefined {
    if (route === '/health') return undefined;
    const isAdmin = route === '/admin' || route.startsWith('/admin/');
    const keys = isAdmin && !this.#adminKeys.empty ? this.#adminKeys : this.#keys;
    return keys.empty ? undefined : keys;
  }
}

function refusal(authorization: string | undefined): string {
  return authorization === undefined
    ? 'This server wants an API key: send Authorization: Bearer <key>.'
    : 'The API key is not one that this route accepts.';
}
