/**
 * Holds a body against the digests that came with it. Each algorithm is computed once, and only where it is asked for;
 * SHA-256 not even then where the caller has it anyway. The verdict comes at the end of the body, before anything of it
 * is published.
 */
import { StoreError } from '#libs/kernel';
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';

export type DigestAlgorithm = 'sha-256' | 'sha-512' | 'md5';

export interface ExpectedDigest {
  /** The header field that says so, for whoever has to be told that it is wrong. */
  readonly field: string;
  readonly algorithm: DigestAlgorithm;
  readonly digest: Buffer;
}

const NODE_NAMES: Readonly<Record<DigestAlgorithm, string>> = { 'sha-256': 'sha256', 'sha-512': 'sha512', md5: 'md5' };

/** Digests that are known without a check computing them. */
export type KnownDigests = Readonly<Partial<Record<DigestAlgorithm, Buffer>>>;

export class DigestCheck {
  readonly #expected: readonly ExpectedDigest[];
  readonly #hashes: Map<DigestAlgorithm, Hash>;

  /** `elsewhere`: algorithms whose result the caller hands to `assert`. */
  constructor(expected: readonly ExpectedDigest[], elsewhere: readonly DigestAlgorithm[] = []) {
    const computed = new Set(expected.map(({ algorithm }) => algorithm).filter((each) => !elsewhere.includes(each)));
    this.#expected = expected;
    this.#hashes = new Map([...computed].map((algorithm) => [algorithm, createHash(NODE_NAMES[algorithm])]));
  }

  update(piece: Buffer): void {
    for (const hash of this.#hashes.values()) hash.update(piece);
  }

  /** To be called once, at the end. Throws `digest_mismatch`. */
  assert(known: KnownDigests = {}): void {
    const actual = new Map(Object.entries(known) as [DigestAlgorithm, Buffer][]);
    for (const [algorithm, hash] of this.#hashes) actual.set(algorithm, hash.digest());
    for (const expected of this.#expected) {
      const { algorithm, digest } = expected;
      if (!digest.equals(actual.get(algorithm)!)) throw mismatch(expected, actual.get(algorithm)!);
    }
  }
}

/** Hands `body` on, and throws `digest_mismatch` in the place of its end where it is another one. */
export async function* verifiedBody(
  body: AsyncIterable<Buffer>,
  expected: readonly ExpectedDigest[],
): AsyncGenerator<Buffer> {
  const check = new DigestCheck(expected);
  for await (const piece of body) {
    check.update(piece);
    yield piece;
  }
  check.assert();
}

function mismatch({ field, algorithm, digest }: ExpectedDigest, actual: Buffer): StoreError {
  return new StoreError(
    'digest_mismatch',
    `The body is not the one that ${field} speaks of: ${algorithm} differs. Nothing was stored; send it again.`,
    { context: { field, algorithm, expected: digest.toString('base64'), actual: actual.toString('base64') } },
  );
}
