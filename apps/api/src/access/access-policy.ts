/**
 * Who may ask for what. With keys, every route but `/health` wants one, and `/admin` wants an admin key where there are
 * any. Without keys, only programs on this machine may ask. An unknown route is guarded like a known one, so that it
 * does not show which routes exist.
 */
import type { Settings } from '#libs/config';
import { StoreError } from '#libs/kernel';
import { ApiKeys, givenKeyDigest } from './api-keys.js';
import { canonicalPath, hostOfTarget } from './canonical-path.js';
import { clientAddress } from './client-address.js';
import { GuessLimiter } from './guess-limiter.js';
import { assertLoopbackOrigin } from './loopback-origin.js';
import type { OriginHeaders } from './loopback-origin.js';

export interface AccessRequest extends OriginHeaders {
  /** The matched route in the router's syntax, so that no spelling of a path can pass for another; undefined for none. */
  readonly route: string | undefined;
  /** As the client wrote it. */
  readonly target: string;
  readonly authorization: string | undefined;
  readonly remoteAddress: string | undefined;
}

export class AccessPolicy {
  readonly #keys: ApiKeys;
  readonly #adminKeys: ApiKeys;
  readonly #limiter: GuessLimiter;

  constructor({ apiKeys, adminApiKeys }: Pick<Settings, 'apiKeys' | 'adminApiKeys'>, now: () => number) {
    this.#keys = new ApiKeys(apiKeys);
    this.#adminKeys = new ApiKeys(adminApiKeys);
    this.#limiter = new GuessLimiter(now);
  }

  /**
   * Answers with the label of the key used, if one was needed. Throws `unauthorized`, `too_many_guesses` or
   * `forbidden_origin`.
   */
  admit(request: AccessRequest): string | undefined {
    if (this.#keys.empty) assertLoopbackOrigin({ ...request, host: hostOfTarget(request.target) ?? request.host });
    const wanted = this.#keysFor(request);
    if (wanted === undefined) return undefined;
    const digest = givenKeyDigest(request.authorization);
    if (digest === undefined) throw refusal(request.authorization);
    // A key that is right elsewhere is no guess, and is not slowed.
    const label = this.#keys.labelFor(digest);
    const adminLabel = this.#adminKeys.labelFor(digest);
    const key = label === undefined ? adminLabel && `admin ${adminLabel}` : `key ${label}`;
    const judgement = this.#limiter.judge({ address: clientAddress(request.remoteAddress), key });
    if (judgement.kind === 'slowed') throw tooManyGuesses(judgement.waitMs);
    const accepted = wanted === this.#keys ? label : adminLabel;
    if (accepted === undefined) throw refusal(request.authorization);
    return accepted;
  }

  #keysFor({ route, target }: AccessRequest): ApiKeys | undefined {
    if (route === '/health') return undefined;
    const path = route ?? canonicalPath(target);
    const isAdmin = path === '/admin' || path.startsWith('/admin/');
    const keys = isAdmin && !this.#adminKeys.empty ? this.#adminKeys : this.#keys;
    return keys.empty ? undefined : keys;
  }
}

function refusal(authorization: string | undefined): StoreError {
  return new StoreError(
    'unauthorized',
    authorization === undefined
      ? 'This server wants an API key: send Authorization: Bearer <key>.'
      : 'The API key is not one that this route accepts.',
  );
}

function tooManyGuesses(waitMs: number): StoreError {
  return new StoreError(
    'too_many_guesses',
    'Too many wrong API keys came from this address, so this one was not looked at; wait, then send the right one.',
    { context: { retry_after_seconds: Math.max(1, Math.ceil(waitMs / 1000)) } },
  );
}
