/**
 * The digests that a sender says its bytes have: `Content-Digest` and `Repr-Digest` (RFC 9530), `Content-MD5` (RFC 1864).
 * An upload is never a part of something, so content and representation are the same bytes here.
 */
import type { DigestAlgorithm, ExpectedDigest } from '#libs/file-store';
import { StoreError } from '#libs/kernel';

/** Of a request, or of one part of a form; names in lower case. */
export type FieldValues = Readonly<Record<string, string | readonly string[] | undefined>>;

const DICTIONARY_FIELDS = ['Content-Digest', 'Repr-Digest'] as const;

const LENGTH_BYTES: Readonly<Record<DigestAlgorithm, number>> = { 'sha-256': 32, 'sha-512': 64, md5: 16 };

/** What is verified of a Digest field. `md5` in one is insecure by RFC 9530, section 5, and ignored as one may. */
const VERIFIED = new Set<string>(['sha-256', 'sha-512']);

/** What the body must turn out to be; algorithms that are not known here are passed over. Throws `invalid_request`. */
export function expectedDigests(fields: FieldValues): ExpectedDigest[] {
  const digests: ExpectedDigest[] = [];
  for (const field of DICTIONARY_FIELDS) {
    const value = valueOf(fields, field);
    if (value === undefined) continue;
    for (const [algorithm, text] of parseDictionary(field, value)) {
      if (VERIFIED.has(algorithm)) digests.push(expectation(field, algorithm as DigestAlgorithm, text));
    }
  }
  const md5 = valueOf(fields, 'Content-MD5');
  if (md5 !== undefined) digests.push(expectation('Content-MD5', 'md5', md5.trim()));
  return digests;
}

function valueOf(fields: FieldValues, field: string): string | undefined {
  const value = fields[field.toLowerCase()];
  return value === undefined || typeof value === 'string' ? value : value.join(', ');
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

function expectation(field: string, algorithm: DigestAlgorithm, text: string): ExpectedDigest {
  const digest = BASE64.test(text) ? Buffer.from(text, 'base64') : undefined;
  const lengthBytes = LENGTH_BYTES[algorithm];
  if (digest?.length === lengthBytes) return { field, algorithm, digest };
  throw malformed(field, `its ${algorithm} is not ${lengthBytes} bytes in base64`);
}

// Structured fields (RFC 9651): a key, a byte sequence, and parameters, which mean nothing here. Each alternative begins
// with another character, so that no text is read twice.
const KEY = '[a-z*][a-z0-9_.*-]*';
const BYTES = ':[A-Za-z0-9+/=]*:';
const NUMBER = '-?[0-9]{1,15}(?:\\.[0-9]{1,3})?';
const STRING = '"(?:[ !#-[\\]-~]|\\\\["\\\\])*"';
const TOKEN = "[A-Za-z*][!#$%&'*+.^_`|~0-9A-Za-z:/-]*";
const BARE_ITEM = `(?:${BYTES}|${NUMBER}|${STRING}|${TOKEN}|\\?[01]|@-?[0-9]{1,15}|%"[ !#-~]*")`;
const MEMBER = new RegExp(`(${KEY})=:([A-Za-z0-9+/=]*):(?:; *${KEY}(?:=${BARE_ITEM})?)*`, 'y');
const SEPARATOR = /[ \t]*,[ \t]*/y;

/** The byte sequences of a dictionary, still in base64. Where a key comes twice the last one counts. */
function parseDictionary(field: string, value: string): Map<string, string> {
  const members = new Map<string, string>();
  const text = value.trim();
  for (let at = 0; ; at = SEPARATOR.lastIndex) {
    MEMBER.lastIndex = at;
    const [, key, bytes] = MEMBER.exec(text) ?? [];
    if (key === undefined || bytes === undefined) throw malformed(field, 'write it as sha-256=:<base64>:');
    members.set(key, bytes);
    if (MEMBER.lastIndex === text.length) return members;
    SEPARATOR.lastIndex = MEMBER.lastIndex;
    if (!SEPARATOR.test(text)) throw malformed(field, 'write it as sha-256=:<base64>:');
  }
}

function malformed(field: string, why: string): StoreError {
  return new StoreError('invalid_request', `The header ${field} is malformed: ${why}.`, { context: { field } });
}
