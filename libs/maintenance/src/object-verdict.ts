/** Whether the bytes under a key are the object of that name: a chunk is its SHA-256, a manifest and a tombstone are frames. */
import { sha256Of, StoreError } from '#libs/kernel';
import type { Manifest } from '#libs/kernel';
import type { ObjectKey } from '#libs/stores';
import { readManifest, verifyTombstone } from '#libs/transfer';

/** `unknown`: a later version wrote it, and only that one can judge. */
export type Verdict =
  { readonly state: 'whole' } | { readonly state: 'corrupt'; readonly reason: string } | { readonly state: 'unknown' };

export async function verdictOf(key: ObjectKey, bytes: Buffer): Promise<Verdict> {
  try {
    if (key.kind === 'chunk') return await digestVerdict(bytes, key.id);
    if (key.kind === 'manifest') return await contentVerdict(readManifest(bytes, key.id));
    verifyTombstone(bytes, key.id);
    return { state: 'whole' };
  } catch (error) {
    if (StoreError.is(error, 'future_format')) return { state: 'unknown' };
    if (StoreError.is(error, 'manifest_corrupt')) return { state: 'corrupt', reason: error.message };
    throw error;
  }
}

/** The frame's checksum holds by then; the bytes of a small file have a digest of their own. */
async function contentVerdict({ content, sha256 }: Manifest): Promise<Verdict> {
  return content.kind === 'inline' ? digestVerdict(content.bytes, sha256) : { state: 'whole' };
}

async function digestVerdict(bytes: Buffer, expected: string): Promise<Verdict> {
  const actual = await sha256Of(bytes);
  if (actual === expected) return { state: 'whole' };
  return { state: 'corrupt', reason: `Its ${bytes.length} bytes have the SHA-256 ${actual}, expected is ${expected}.` };
}
