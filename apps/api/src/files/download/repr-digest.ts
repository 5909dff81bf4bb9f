/**
 * `Repr-Digest` (RFC 9530): the SHA-256 of the whole file, also beside a part of it, so that a client which puts a download
 * together can check the sum. It is sent to everyone, because it is known; a client that weighs sha-256 with 0 in
 * `Want-Repr-Digest` does without. Other algorithms are not known, and section 4 lets us send what is.
 */

/** A member of a structured dictionary whose value is an integer, the last of its name: parameters do not matter. */
const SHA_256_WEIGHT = /(?:^|,)[ \t]*sha-256=(-?\d{1,15})[ \t]*(?=[;,]|$)/g;

export function reprDigest(sha256: string, wanted: string | undefined): { 'repr-digest'?: string } {
  const weight = [...(wanted ?? '').matchAll(SHA_256_WEIGHT)].at(-1)?.[1];
  if (weight !== undefined && Number(weight) === 0) return {};
  return { 'repr-digest': `sha-256=:${Buffer.from(sha256, 'hex').toString('base64')}:` };
}
