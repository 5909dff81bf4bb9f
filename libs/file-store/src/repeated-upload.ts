/**
 * An upload under a key that has its file already: a retry of which the client has not seen the answer. It gets that of the
 * first one, and nothing is stored. Its body is read all the same: a key that is used again by mistake, for other bytes,
 * must not be answered as if these were stored.
 */
import type { FileEntry } from '#libs/catalog';
import { StoreError } from '#libs/kernel';
import { createHash } from 'node:crypto';
import { nextPiece } from './body-collector.js';
import type { FileStoreContext } from './context.js';
import { DigestCheck } from './digest-check.js';
import { receiptOf } from './receipt.js';
import type { FileReceipt, UploadRequest } from './types.js';

/** `first`: the file that the key made. Throws `idempotency_mismatch`, `digest_mismatch` or `upload_incomplete`. */
export async function repeatUpload(
  context: FileStoreContext,
  request: UploadRequest & { readonly fileName: string },
  first: FileEntry,
): Promise<FileReceipt> {
  const { fileName, declaredBytes, body, digests = [] } = request;
  if (fileName !== first.fileName) throw mismatch(first, 'its name is another one');
  if (declaredBytes !== undefined && declaredBytes !== first.fileSize)
    throw mismatch(first, 'its length is another one');
  const check = new DigestCheck(digests, ['sha-256']);
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const pieces = body[Symbol.asyncIterator]();
  try {
    for (let piece = await nextPiece(pieces); piece !== undefined; piece = await nextPiece(pieces)) {
      sizeBytes += piece.length;
      if (sizeBytes > first.fileSize) throw mismatch(first, 'its body is longer');
      hash.update(piece);
      check.update(piece);
    }
  } finally {
    await pieces.return?.();
  }
  const sha256 = hash.digest();
  check.assert({ 'sha-256': sha256 });
  if (sha256.toString('hex') !== first.sha256) throw mismatch(first, 'its body is another one');
  return receiptOf(context, first);
}

function mismatch({ fileId }: FileEntry, why: string): StoreError {
  return new StoreError(
    'idempotency_mismatch',
    `The Idempotency-Key belongs to the upload of ${fileId}, and this is no retry of it: ${why}. Nothing was stored.`,
    { context: { file_id: fileId } },
  );
}
