/** Which API key a request carries. Keys are compared by digest and all of them, so that timing tells nothing of any. */
import type { ApiKey } from '#libs/config';
import { createHash, timingSafeEqual } from 'node:crypto';

/** RFC 6750, section 2.1. */
const BEARER = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i;

/** The digest of the key in an Authorization header, or undefined where it carries none. */
export function givenKeyDigest(authorization: string | undefined): Buffer | undefined {
  const given = BEARER.exec(authorization ?? '')?.[1];
  return given === undefined ? undefined : digestOf(given);
}

export class ApiKeys {
  readonly #keys: readonly { readonly label: string; readonly digest: Buffer }[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys.map(({ label, key }) => ({ label, digest: digestOf(key) }));
  }

  get empty(): boolean {
    return this.#keys.length === 0;
  }

  /** The label of the key with this digest, or undefined where it is none of these. */
  labelFor(digest: Buffer): string | undefined {
    return this.#keys.filter((key) => timingSafeEqual(key.digest, digest)).at(0)?.label;
  }
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
