/** Manifests and tombstones as they stand on a store: nothing is believed of one before its frame has proven itself. */
import { decodeFileDelete, decodeManifest, decodeWholeFrame, recordTypeOf, StoreError } from '#libs/kernel';
import type { FileId, Frame, Manifest, RecordType } from '#libs/kernel';

/** Throws `manifest_corrupt`, or `future_format` where a later version wrote it. */
export function readManifest(bytes: Buffer, fileId: FileId): Manifest {
  const manifest = decodeManifest(readFrame(bytes, { fileId, type: 'file_put' }));
  if (manifest.fileId !== fileId) throw notTheOne(fileId, `it is that of the file ${manifest.fileId}`);
  return manifest;
}

/** Throws like `readManifest`. */
export function verifyTombstone(bytes: Buffer, fileId: FileId): void {
  const tombstone = decodeFileDelete(readFrame(bytes, { fileId, type: 'file_delete' }));
  if (tombstone.fileId !== fileId) throw notTheOne(fileId, `it is that of the file ${tombstone.fileId}`);
}

function readFrame(bytes: Buffer, { fileId, type }: { fileId: FileId; type: RecordType }): Frame {
  const decoded = decodeWholeFrame(bytes);
  if (!decoded.ok) {
    const { reason } = decoded.bad;
    if (reason === 'version') {
      throw new StoreError('future_format', `A later version wrote the record of the file ${fileId}.`);
    }
    throw notTheOne(fileId, `its frame does not hold (${reason})`);
  }
  if (recordTypeOf(decoded.frame) !== type) throw notTheOne(fileId, `it is no ${type} record`);
  return decoded.frame;
}

function notTheOne(fileId: FileId, why: string): StoreError {
  return new StoreError('manifest_corrupt', `The record of the file ${fileId} is damaged: ${why}.`, {
    context: { file_id: fileId },
  });
}
