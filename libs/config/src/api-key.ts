/**
 * API keys, each with a label, so that logs can say whose key was used without showing it. No problem text holds any
 * part of a key: a refused key is often a good key with a slip in it.
 */

import { NAME_PATTERN, NAME_RULE } from './location.js';
import { accepted, refused, type Parsed, type ValueKind } from './value-kind.js';

export interface ApiKey {
  readonly label: string;
  readonly key: string;
}

/** 16 characters of base64 are 96 random bits: out of reach of guessing over a network. */
const MIN_KEY_LENGTH = 16;

/** What `Authorization: Bearer` can carry (RFC 6750, section 2.1). It has no colon, so `label:` is never part of a key. */
const BEARER_TOKEN = /^[A-Za-z0-9._~+/-]+=*$/;

function parseKey(item: string, position: number): Parsed<ApiKey> {
  const colon = item.indexOf(':');
  const label = colon === -1 ? `key${position}` : item.slice(0, colon);
  const key = item.slice(colon + 1);
  if (!NAME_PATTERN.test(label)) return refused(`has a label at key ${position} that is not ${NAME_RULE}`);
  if (key.length < MIN_KEY_LENGTH) return refused(`has fewer than ${MIN_KEY_LENGTH} characters at key ${position}`);
  if (!BEARER_TOKEN.test(key))
    return refused(
      `has a character at key ${position} that a Bearer token cannot carry; use letters, digits and . _ ~ + / -`,
    );
  return accepted({ label, key });
}

export const apiKeyList: ValueKind<readonly ApiKey[]> = {
  accepts: `a comma-separated list of [label:]key, each key of at least ${MIN_KEY_LENGTH} characters`,
  parse: (text) => {
    if (text === '') return accepted([]);
    const keys: ApiKey[] = [];
    for (const [index, item] of text.split(',').entries()) {
      const parsed = parseKey(item, index + 1);
      if ('problem' in parsed) return parsed;
      const { label, key } = parsed.value;
      if (keys.some((known) => known.label === label))
        return refused(`has a label at key ${index + 1} that another key has`);
      if (keys.some((known) => known.key === key)) return refused(`repeats an earlier key at key ${index + 1}`);
      keys.push(parsed.value);
    }
    return accepted(keys);
  },
};
